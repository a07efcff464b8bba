"""Turns the timestamp into a datetime to subtract: there is no year 33658, so a hostile number is a ValueError."""
#| exercise: m02-03-ex2
#| caught by: test_ex2_no_number_is_too_far
def is_timely(sent_s: int, now: datetime, *, tolerance_s: float = TOLERANCE_S) -> bool:
    sent_at = datetime.fromtimestamp(sent_s, now.tzinfo)
    return abs((now - sent_at).total_seconds()) <= tolerance_s
