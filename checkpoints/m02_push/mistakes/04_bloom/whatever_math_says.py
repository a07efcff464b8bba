"""Leaves nonsense to the arithmetic, which complains about its domain, or divides by zero."""
#| exercise: m02-04-ex2
#| caught by: test_ex2_refuses_nonsense
def shape_for(capacity: int, error_rate: float) -> Shape:
    def smallest_with(hashes: int) -> Shape:
        return Shape(math.ceil(-hashes * capacity / math.log1p(-(error_rate ** (1 / hashes)))), hashes)

    ideal = math.log2(1 / error_rate)
    return min(smallest_with(max(1, math.floor(ideal))), smallest_with(math.ceil(ideal)))
