"""Takes the tolerance as an int: half a second becomes none."""
#| exercise: m02-03-ex2
#| caught by: test_ex2_both_ends_are_in
def is_timely(sent_s, now, *, tolerance_s=TOLERANCE_S):
    return abs(now.timestamp() - sent_s) <= int(tolerance_s)
