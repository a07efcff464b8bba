"""Knows Unix time in seconds only: milliseconds become a wait of 55,000 years."""
#| exercise: m01-05-ex2
#| caught by: test_ex2_unix_time
def read_reset(reset: str, remaining: str, answered_at: datetime) -> float | None:
    wait_s = whole_number(reset.strip())
    if wait_s is None or (whole_number(remaining.strip()) or 0) > 0:
        return None
    if wait_s > 1e9:
        wait_s -= answered_at.timestamp()
    return wait_s if wait_s > 0 else None
