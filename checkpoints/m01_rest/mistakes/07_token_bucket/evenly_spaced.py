"""Spaces requests out from the first one on: the burst that was paid for is never used."""
#| exercise: m01-07-ex1
#| caught by: test_ex1_a_full_bucket_grants_its_burst_at_once_and_then_the_rate
def next_slot(full_at_us: int, now_us: int, cost_us: int, capacity_us: int) -> tuple[int, int]:
    slot_us = max(now_us, full_at_us)
    return slot_us, slot_us + cost_us
