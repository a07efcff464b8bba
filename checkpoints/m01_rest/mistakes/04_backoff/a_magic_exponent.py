"""Bounds the exponent by a number that was large enough when it was written: a cap of an hour is never reached."""
#| exercise: m01-04-ex1
#| caught by: test_ex1_right_for_any_base_and_cap
def exponential_ceiling_s(attempt: int, *, base_s: float, cap_s: float) -> float:
    if attempt < 0 or not 0 < base_s <= cap_s:
        raise ValueError(f"want attempt >= 0 and 0 < base_s <= cap_s, not {attempt=}, {base_s=}, {cap_s=}")
    # The power is computed only where it stays below the cap: 2**1100 does not fit a float.
    return min(cap_s, base_s * 2 ** min(attempt, 10))
