"""Ignores what is left: one passing error, and the client sleeps until the full hour with 4,999 requests in hand."""
#| exercise: m01-05-ex2
#| caught by: test_ex2_a_quota_with_a_rest_is_no_reason
def read_reset(reset: str, remaining: str, answered_at: datetime) -> float | None:
    wait_s = whole_number(reset.strip())
    if wait_s is None:
        return None
    if wait_s > 1e9:
        wait_s = (wait_s / 1000 if wait_s > 1e11 else wait_s) - answered_at.timestamp()
    return wait_s if wait_s > 0 else None
