"""Goes on although the server asked for more than we may wait: the loop will cut it short and ask too early."""
#| exercise: m01-06-ex2
#| caught by: test_ex2_a_long_wait_is_handed_on
def final_error(
    error: TransientError, *, repeatable: bool, max_wait_s: float = 30.0, now: Now = utc_now
) -> Exception | None:
    if isinstance(error, CircuitOpenError | DeadlineExceededError):
        return error

    if repeatable or not error.request_sent:
        return None
    if isinstance(error, ThrottledError):
        return error
    return AmbiguousError(str(error))
