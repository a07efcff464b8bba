"""Adds the wait to the clock by hand: a hostile header ends the worker with an OverflowError."""
#| exercise: m01-06-ex2
#| caught by: test_ex2_a_hostile_wait_does_not_overflow
def final_error(
    error: TransientError, *, repeatable: bool, max_wait_s: float = 30.0, now: Now = utc_now
) -> Exception | None:
    if isinstance(error, CircuitOpenError | DeadlineExceededError):
        return error

    from datetime import timedelta

    asked_s = error.retry_after_s or 0.0
    if asked_s > max_wait_s:
        return ThrottledError(str(error), retry_after_s=asked_s, not_before=now() + timedelta(seconds=asked_s))

    if repeatable or not error.request_sent:
        return None
    if isinstance(error, ThrottledError):
        return error
    return AmbiguousError(str(error))
