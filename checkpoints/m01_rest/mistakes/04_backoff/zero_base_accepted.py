"""Accepts a base of zero: a typo in a setting becomes a busy loop against someone else's server."""
#| exercise: m01-04-ex1
#| caught by: test_ex1_refuses_nonsense
def exponential_ceiling_s(attempt: int, *, base_s: float, cap_s: float) -> float:
    return min(cap_s, base_s * 2 ** min(attempt, 500))
