"""Works out the power first: fine in every test, and an OverflowError for the worker that failed all night."""
#| exercise: m01-04-ex1
#| caught by: test_ex1_any_attempt_however_late
def exponential_ceiling_s(attempt: int, *, base_s: float, cap_s: float) -> float:
    if attempt < 0 or not 0 < base_s <= cap_s:
        raise ValueError("nonsense")
    return min(cap_s, base_s * 2.0**attempt)
