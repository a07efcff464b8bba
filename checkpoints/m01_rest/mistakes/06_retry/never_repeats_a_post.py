"""Never repeats a POST: also not when the connection was refused and nothing can have happened."""
#| exercise: m01-06-ex2
#| caught by: test_ex2_what_never_left_may_be_sent
def final_error(
    error: TransientError, *, repeatable: bool, max_wait_s: float = 30.0, now: Now = utc_now
) -> Exception | None:
    if isinstance(error, CircuitOpenError | DeadlineExceededError):
        return error

    asked_s = error.retry_after_s or 0.0
    if asked_s > max_wait_s:
        return ThrottledError(str(error), retry_after_s=asked_s, not_before=not_before(asked_s, now=now))

    if repeatable:
        return None
    return error if isinstance(error, ThrottledError) else AmbiguousError(str(error))
