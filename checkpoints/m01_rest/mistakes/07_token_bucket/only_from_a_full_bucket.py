"""Voids what was saved up only if the bucket is full by then: one that is a little behind keeps the rest of its burst."""
#| exercise: m01-07-ex2
#| caught by: test_ex2_a_bucket_that_is_behind_is_held_back_too
def after_penalty(full_at_us: int, until_us: int, limit: Limit) -> int:
    if full_at_us > until_us:
        return full_at_us
    return until_us + limit.capacity_us - limit.token_us
