"""Adds a little noise to the whole wait: the towers get a bit wider, and waits go past the ceiling."""
#| exercise: m01-04-ex2
#| caught by: test_ex2_uses_the_whole_interval, test_ex2_stays_below_the_ceiling
def full_jitter_s(attempt: int, *, base_s: float = 0.1, cap_s: float = 20.0, uniform: Uniform = random.uniform) -> float:
    return exponential_ceiling_s(attempt, base_s=base_s, cap_s=cap_s) + uniform(0.0, 0.1)
