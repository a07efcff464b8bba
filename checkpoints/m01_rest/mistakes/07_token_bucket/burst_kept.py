"""Moves the moment of being full to the end of the penalty: the whole burst goes at once then, or even before."""
#| exercise: m01-07-ex2
#| caught by: test_ex2_the_first_goes_when_the_penalty_ends_and_the_rest_at_the_rate, test_ex2_a_burst_saved_up_for_hours_is_void
def after_penalty(full_at_us: int, until_us: int, limit: Limit) -> int:
    return max(full_at_us, until_us)
