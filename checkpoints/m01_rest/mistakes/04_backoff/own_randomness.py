"""Draws from the global generator whatever is passed in: no test can replay it."""
#| exercise: m01-04-ex2
#| caught by: test_ex2_replays_with_the_same_randomness
def full_jitter_s(attempt: int, *, base_s: float = 0.1, cap_s: float = 20.0, uniform: Uniform = random.uniform) -> float:
    return random.random() * exponential_ceiling_s(attempt, base_s=base_s, cap_s=cap_s)
