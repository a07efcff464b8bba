"""Reads the reset with int(), which refuses more than 4,300 digits."""
#| exercise: m01-05-ex2
#| caught by: test_ex2_any_number_of_digits
def read_reset(reset: str, remaining: str, answered_at: datetime) -> float | None:
    wait_s = int(reset) if reset.strip().isdecimal() and reset.isascii() else None
    if wait_s is None or (whole_number(remaining.strip()) or 0) > 0:
        return None
    if wait_s > 1e11:
        wait_s /= 1000
    if wait_s > 1e9:
        wait_s -= answered_at.timestamp()
    return wait_s if wait_s > 0 else None
