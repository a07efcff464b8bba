"""Draws below the uncapped power and caps the draw: after enough failures every wait is the cap."""
#| exercise: m01-04-ex2
#| caught by: test_ex2_uses_the_whole_interval
def full_jitter_s(attempt: int, *, base_s: float = 0.1, cap_s: float = 20.0, uniform: Uniform = random.uniform) -> float:
    return min(cap_s, uniform(0.0, base_s * 2.0**attempt))
