"""Adds a tenth to be safe, and pays for it in every filter of the company."""
#| exercise: m02-04-ex2
#| caught by: test_ex2_wastes_no_bits
def shape_for(capacity: int, error_rate: float) -> Shape:
    if capacity < 1 or not 0 < error_rate < 1:
        raise ValueError("out of range")
    bits = math.ceil(-1.1 * capacity * math.log(error_rate) / math.log(2) ** 2)
    return Shape(bits + 20, max(1, round(math.log2(1 / error_rate))))
