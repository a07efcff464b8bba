"""Gives the long wait up without saying until when: whoever brings the work back can only guess."""
#| exercise: m01-06-ex2
#| caught by: test_ex2_a_long_wait_is_handed_on
def final_error(
    error: TransientError, *, repeatable: bool, max_wait_s: float = 30.0, now: Now = utc_now
) -> Exception | None:
    if isinstance(error, CircuitOpenError | DeadlineExceededError):
        return error

    if (error.retry_after_s or 0.0) > max_wait_s:
        return ThrottledError(str(error), retry_after_s=error.retry_after_s)

    if repeatable or not error.request_sent:
        return None
    if isinstance(error, ThrottledError):
        return error
    return AmbiguousError(str(error))
