"""Leaves the bucket empty, not with one token: at one request a minute that is a minute lost after each 429."""
#| exercise: m01-07-ex2
#| caught by: test_ex2_the_first_goes_when_the_penalty_ends_and_the_rest_at_the_rate
def after_penalty(full_at_us: int, until_us: int, limit: Limit) -> int:
    return max(full_at_us, until_us + limit.capacity_us)
