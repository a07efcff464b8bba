"""Counts on from the moment the bucket was full: after a quiet night everything goes at once."""
#| exercise: m01-07-ex1
#| caught by: test_ex1_idle_time_is_not_saved_up
def next_slot(full_at_us: int, now_us: int, cost_us: int, capacity_us: int) -> tuple[int, int]:
    slot_us = max(now_us, full_at_us + cost_us - capacity_us)
    return slot_us, full_at_us + cost_us
