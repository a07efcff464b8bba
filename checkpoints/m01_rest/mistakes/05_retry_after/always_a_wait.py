"""Takes the Unix time for a wait: the client sleeps for 56 years."""
#| exercise: m01-05-ex2
#| caught by: test_ex2_unix_time
def read_reset(reset: str, remaining: str, answered_at: datetime) -> float | None:
    wait_s = whole_number(reset.strip())
    if wait_s is None or (whole_number(remaining.strip()) or 0) > 0:
        return None
    return wait_s or None
