"""Repeats whatever is transient, a POST as well: the lost answer becomes a second order."""
#| exercise: m01-06-ex2
#| caught by: test_ex2_what_may_have_worked_is_ambiguous
def final_error(
    error: TransientError, *, repeatable: bool, max_wait_s: float = 30.0, now: Now = utc_now
) -> Exception | None:
    if isinstance(error, CircuitOpenError | DeadlineExceededError):
        return error

    asked_s = error.retry_after_s or 0.0
    if asked_s > max_wait_s:
        return ThrottledError(str(error), retry_after_s=asked_s, not_before=not_before(asked_s, now=now))

    return None
