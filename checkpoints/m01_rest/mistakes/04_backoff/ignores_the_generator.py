"""Draws from the global generator here, after all: no test can replay it."""
#| exercise: m01-04-ex3
#| caught by: test_ex3_replays_with_the_same_randomness
def decorrelated_jitter_s(
    previous_s: float, *, base_s: float = 0.1, cap_s: float = 20.0, uniform: Uniform = random.uniform
) -> float:
    return random.uniform(base_s, min(cap_s, 3 * max(base_s, previous_s)))
