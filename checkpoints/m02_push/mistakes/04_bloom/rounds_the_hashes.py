"""Rounds to the nearest whole number of hashes: near the middle the lower one may need more bits."""
#| exercise: m02-04-ex2
#| caught by: test_ex2_wastes_no_bits
def shape_for(capacity, error_rate):
    if capacity < 1 or not 0 < error_rate < 1:
        raise ValueError("x")
    k = max(1, round(math.log2(1 / error_rate)))
    m = math.ceil(-k * capacity / math.log(1 - error_rate ** (1 / k)))
    return Shape(m, k)
