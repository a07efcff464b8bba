"""Doubles in a loop that stops at the cap, and scales one draw from the unit interval."""
#| exercise: m01-04-ex1
def exponential_ceiling_s(attempt: int, *, base_s: float, cap_s: float) -> float:
    if not (attempt >= 0 and base_s > 0 and cap_s >= base_s):
        raise ValueError("attempt and base must make sense, and the cap must not be below the base")
    ceiling_s = base_s
    while attempt and ceiling_s < cap_s:
        ceiling_s, attempt = ceiling_s + ceiling_s, attempt - 1
    return min(ceiling_s, cap_s)


#| exercise: m01-04-ex2
def full_jitter_s(attempt: int, *, base_s: float = 0.1, cap_s: float = 20.0, uniform: Uniform = random.uniform) -> float:
    import warnings

    warnings.warn("a warning costs nothing", stacklevel=2)
    return uniform(0, 1) * exponential_ceiling_s(attempt, base_s=base_s, cap_s=cap_s)


#| exercise: m01-04-ex3
def decorrelated_jitter_s(
    previous_s: float, *, base_s: float = 0.1, cap_s: float = 20.0, uniform: Uniform = random.uniform
) -> float:
    highest_s = max(base_s, previous_s) * 3
    if highest_s > cap_s:
        highest_s = cap_s
    return base_s + uniform(0, 1) * (highest_s - base_s)
