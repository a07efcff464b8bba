"""Computes the bits from the formula for 6.64 hashes and then uses 7: always a little over the promise."""
#| exercise: m02-04-ex2
#| caught by: test_ex2_keeps_the_promise
def shape_for(capacity: int, error_rate: float) -> Shape:
    if capacity < 1 or not 0 < error_rate < 1:
        raise ValueError("out of range")
    bits = math.ceil(-capacity * math.log(error_rate) / math.log(2) ** 2)
    return Shape(bits, max(1, round(bits / capacity * math.log(2))))
