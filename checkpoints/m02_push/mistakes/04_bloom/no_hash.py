"""Rounds the number of hashes down to none: such a filter claims everything, even empty."""
#| exercise: m02-04-ex2
#| caught by: test_ex2_whole_numbers_and_at_least_one_hash
def shape_for(capacity: int, error_rate: float) -> Shape:
    if capacity < 1 or not 0 < error_rate < 1:
        raise ValueError("out of range")
    hashes = round(math.log2(1 / error_rate))
    return Shape(math.ceil(-max(1, hashes) * capacity / math.log1p(-(error_rate ** (1 / max(1, hashes))))), hashes)
