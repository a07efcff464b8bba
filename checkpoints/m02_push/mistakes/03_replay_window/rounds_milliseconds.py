"""Rounds to milliseconds against float noise: half a millisecond past the tolerance is timely."""
#| exercise: m02-03-ex2
#| caught by: test_ex2_both_ends_are_in
def is_timely(sent_s, now, *, tolerance_s=TOLERANCE_S):
    return round(abs(now.timestamp() - sent_s), 3) <= tolerance_s
