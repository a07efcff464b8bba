"""The formula as published: two draws in three are above the cap, so they all become the cap."""
#| exercise: m01-04-ex3
#| caught by: test_ex3_waits_at_the_cap_still_differ
def decorrelated_jitter_s(
    previous_s: float, *, base_s: float = 0.1, cap_s: float = 20.0, uniform: Uniform = random.uniform
) -> float:
    return min(cap_s, uniform(base_s, 3 * max(base_s, previous_s)))
