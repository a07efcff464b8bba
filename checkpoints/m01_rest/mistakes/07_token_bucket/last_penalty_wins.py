"""Forgets what it was told before: a second 429 that asks for one second ends a pause of a minute."""
#| exercise: m01-07-ex2
#| caught by: test_ex2_a_short_penalty_never_ends_a_long_one
def after_penalty(full_at_us: int, until_us: int, limit: Limit) -> int:
    return until_us + limit.capacity_us - limit.token_us
