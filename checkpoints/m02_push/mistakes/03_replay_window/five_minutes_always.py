"""Uses the constant in place of the argument."""
#| exercise: m02-03-ex2
#| caught by: test_ex2_both_ends_are_in
def is_timely(sent_s: int, now: datetime, *, tolerance_s: float = TOLERANCE_S) -> bool:
    return abs(now.timestamp() - sent_s) <= TOLERANCE_S
