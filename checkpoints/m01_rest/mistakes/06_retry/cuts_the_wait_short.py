"""Cuts the wait to what is left: earlier than the server asked for, with no time left for an answer."""
#| exercise: m01-06-ex3
#| caught by: test_ex3_no_wait_past_the_deadline
def next_wait_s(error: TransientError, *, backoff_s: float, left_s: float) -> float:
    return max(0.0, min(max(0.0, error.retry_after_s or 0.0) + backoff_s, left_s))
