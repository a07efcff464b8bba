"""Refuses what is too old and nothing else, as a well-known library does: a request dated ahead is fresh for years."""
#| exercise: m02-03-ex2
#| caught by: test_ex2_the_future_too, test_ex2_both_ends_are_in
def is_timely(sent_s: int, now: datetime, *, tolerance_s: float = TOLERANCE_S) -> bool:
    return now.timestamp() - sent_s <= tolerance_s
