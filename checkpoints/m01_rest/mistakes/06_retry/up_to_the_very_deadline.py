"""Begins a wait that ends exactly at the deadline: the attempt after it has no time at all."""
#| exercise: m01-06-ex3
#| caught by: test_ex3_no_wait_past_the_deadline
def next_wait_s(error: TransientError, *, backoff_s: float, left_s: float) -> float:
    wait_s = max(0.0, error.retry_after_s or 0.0) + backoff_s
    if wait_s > left_s:
        raise DeadlineExceededError(str(error), retry_after_s=error.retry_after_s)
    return wait_s
