"""Puts the base only in the place of zero: after a very short wait the interval lies below the base."""
#| exercise: m01-04-ex3
#| caught by: test_ex3_the_first_wait_has_no_previous
def decorrelated_jitter_s(
    previous_s: float, *, base_s: float = 0.1, cap_s: float = 20.0, uniform: Uniform = random.uniform
) -> float:
    return uniform(base_s, min(cap_s, 3 * (previous_s or base_s)))
