"""Asks whether the bucket is above zero, not whether it holds what the request costs: one too many in each burst, dear requests on credit."""
#| exercise: m01-07-ex1
#| caught by: test_ex1_a_full_bucket_grants_its_burst_at_once_and_then_the_rate, test_ex1_waits_as_long_as_the_textbook_bucket
def next_slot(full_at_us: int, now_us: int, cost_us: int, capacity_us: int) -> tuple[int, int]:
    slot_us = max(now_us, full_at_us - capacity_us)
    return slot_us, max(full_at_us, slot_us) + cost_us
