"""Takes an open circuit for one more transient error: waits, asks again, and defeats the breaker."""
#| exercise: m01-06-ex2
#| caught by: test_ex2_open_circuits_and_deadlines_end_it
def final_error(
    error: TransientError, *, repeatable: bool, max_wait_s: float = 30.0, now: Now = utc_now
) -> Exception | None:
    asked_s = error.retry_after_s or 0.0
    if asked_s > max_wait_s:
        return ThrottledError(str(error), retry_after_s=asked_s, not_before=not_before(asked_s, now=now))

    if repeatable or not error.request_sent:
        return None
    if isinstance(error, ThrottledError):
        return error
    return AmbiguousError(str(error))
