"""Counts attempts from one: the first wait is already twice the base."""
#| exercise: m01-04-ex1
#| caught by: test_ex1_doubles_from_the_base
def exponential_ceiling_s(attempt: int, *, base_s: float, cap_s: float) -> float:
    if attempt < 0 or not 0 < base_s <= cap_s:
        raise ValueError("nonsense")
    return min(cap_s, base_s * 2 ** min(attempt + 1, 500))
