"""Takes attempt 0 for none yet: the second wait is no longer than the first."""
#| exercise: m01-04-ex2
#| caught by: test_ex2_spreads_every_wait_evenly
def full_jitter_s(attempt: int, *, base_s: float = 0.1, cap_s: float = 20.0, uniform: Uniform = random.uniform) -> float:
    return uniform(0.0, exponential_ceiling_s(max(0, attempt - 1), base_s=base_s, cap_s=cap_s))
