"""Cuts the fraction off the logarithm: the ceiling jumps to the cap one attempt too early."""
#| exercise: m01-04-ex1
#| caught by: test_ex1_right_for_any_base_and_cap
def exponential_ceiling_s(attempt: int, *, base_s: float, cap_s: float) -> float:
    if attempt < 0 or not 0 < base_s <= cap_s:
        raise ValueError(f"want attempt >= 0 and 0 < base_s <= cap_s, not {attempt=}, {base_s=}, {cap_s=}")
    # The power is computed only where it stays below the cap: 2**1100 does not fit a float.
    return cap_s if attempt >= int(math.log2(cap_s / base_s)) else base_s * 2**attempt
