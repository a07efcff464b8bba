"""Waits the longer of the two: everyone who was turned away comes back in the second that the server named."""
#| exercise: m01-06-ex3
#| caught by: test_ex3_the_floor_and_jitter_on_top
def next_wait_s(error: TransientError, *, backoff_s: float, left_s: float) -> float:
    wait_s = max(error.retry_after_s or 0.0, backoff_s)
    if wait_s >= left_s:
        raise DeadlineExceededError(str(error), retry_after_s=error.retry_after_s)
    return wait_s
