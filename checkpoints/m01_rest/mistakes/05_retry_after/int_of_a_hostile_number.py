"""Reads with int(), which refuses more than 4,300 digits: a hostile header ends the worker with a ValueError."""
#| exercise: m01-05-ex1
#| caught by: test_ex1_any_number_of_digits
def read_retry_after(value: str, answered_at: datetime) -> float | None:
    parts = [part.strip() for part in value.split(",")]
    if all(part.isascii() and part.isdigit() for part in parts):
        return max(int(part) for part in parts) or None
    date = http_date(value.strip())
    wait_s = (date - answered_at).total_seconds() if date else 0.0
    return wait_s if wait_s > 0 else None
