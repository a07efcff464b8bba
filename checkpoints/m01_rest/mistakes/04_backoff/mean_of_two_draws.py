"""Takes the mean of two draws "for better jitter": it gathers the crowd in the middle."""
#| exercise: m01-04-ex2
#| caught by: test_ex2_spreads_every_wait_evenly
def full_jitter_s(attempt: int, *, base_s: float = 0.1, cap_s: float = 20.0, uniform: Uniform = random.uniform) -> float:
    ceiling_s = exponential_ceiling_s(attempt, base_s=base_s, cap_s=cap_s)
    return (uniform(0.0, ceiling_s) + uniform(0.0, ceiling_s)) / 2
