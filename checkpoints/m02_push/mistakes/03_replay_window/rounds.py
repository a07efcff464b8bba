"""Cuts the fraction off the clock, which makes the window almost a second longer at its old end."""
#| exercise: m02-03-ex2
#| caught by: test_ex2_both_ends_are_in
def is_timely(sent_s: int, now: datetime, *, tolerance_s: float = TOLERANCE_S) -> bool:
    return abs(int(now.timestamp()) - sent_s) <= tolerance_s
