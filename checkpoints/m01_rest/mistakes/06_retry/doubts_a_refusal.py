"""Calls a POST that was turned away ambiguous: somebody gets out of bed for a 429."""
#| exercise: m01-06-ex2
#| caught by: test_ex2_a_refusal_is_not_ambiguous
def final_error(
    error: TransientError, *, repeatable: bool, max_wait_s: float = 30.0, now: Now = utc_now
) -> Exception | None:
    if isinstance(error, CircuitOpenError | DeadlineExceededError):
        return error

    asked_s = error.retry_after_s or 0.0
    if asked_s > max_wait_s:
        return ThrottledError(str(error), retry_after_s=asked_s, not_before=not_before(asked_s, now=now))

    return None if repeatable or not error.request_sent else AmbiguousError(str(error))
