"""Takes every value for the Unix time: seconds from now lie in 1970, so the client never waits."""
#| exercise: m01-05-ex2
#| caught by: test_ex2_seconds_from_now
def read_reset(reset: str, remaining: str, answered_at: datetime) -> float | None:
    moment_s = whole_number(reset.strip())
    if moment_s is None or (whole_number(remaining.strip()) or 0) > 0:
        return None
    wait_s = (moment_s / 1000 if moment_s > 1e11 else moment_s) - answered_at.timestamp()
    return wait_s if wait_s > 0 else None
