"""Writes the default down once more: a policy that may wait longer does not."""
#| exercise: m01-06-ex2
#| caught by: test_ex2_what_may_pass_is_tried_again
def final_error(
    error: TransientError, *, repeatable: bool, max_wait_s: float = 30.0, now: Now = utc_now
) -> Exception | None:
    if isinstance(error, CircuitOpenError | DeadlineExceededError):
        return error
    asked_s = error.retry_after_s or 0.0
    if asked_s > 30.0:
        until = not_before(asked_s, now=now)
        message = f"{error}; nothing may be sent before {until:%Y-%m-%d %H:%M:%S %Z}"
        return ThrottledError(message, retry_after_s=asked_s, not_before=until)
    if repeatable or not error.request_sent:
        return None
    if isinstance(error, ThrottledError):
        return error
    return AmbiguousError(f"{error}; the request may or may not have taken effect")
