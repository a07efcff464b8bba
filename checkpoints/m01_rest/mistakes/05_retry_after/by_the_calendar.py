"""Makes a date of the Unix time first: a moment beyond the calendar is an error in the place of a wait."""
#| exercise: m01-05-ex2
#| caught by: test_ex2_any_number_of_digits
def read_reset(reset: str, remaining: str, answered_at: datetime) -> float | None:
    wait_s = whole_number(reset.strip())
    if wait_s is None or (whole_number(remaining.strip()) or 0) > 0:
        return None
    if wait_s > 1e11:
        wait_s /= 1000
    if wait_s > 1e9:
        wait_s = (datetime.fromtimestamp(wait_s, UTC) - answered_at).total_seconds()
    return wait_s if wait_s > 0 else None
