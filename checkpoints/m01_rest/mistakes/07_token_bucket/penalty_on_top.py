"""Adds the penalty to what is owed already: two workers that report one 429 double it."""
#| exercise: m01-07-ex2
#| caught by: test_ex2_a_short_penalty_never_ends_a_long_one
def after_penalty(full_at_us: int, until_us: int, limit: Limit) -> int:
    drained_us = until_us + limit.capacity_us - limit.token_us
    return drained_us if drained_us > full_at_us else full_at_us + limit.token_us
