"""Waits the ceiling itself: every client that failed together comes back together."""
#| exercise: m01-04-ex2
#| caught by: test_ex2_uses_the_whole_interval
def full_jitter_s(attempt: int, *, base_s: float = 0.1, cap_s: float = 20.0, uniform: Uniform = random.uniform) -> float:
    return exponential_ceiling_s(attempt, base_s=base_s, cap_s=cap_s)
