"""Rounds the bits up to whole bytes, though it is the bitmap that is stored in bytes, not the shape."""
#| exercise: m02-04-ex2
#| caught by: test_ex2_the_smallest_of_its_kind
def shape_for(capacity, error_rate):
    if capacity < 1 or not 0 < error_rate < 1:
        raise ValueError("x")
    ideal = math.log2(1 / error_rate)
    shapes = []
    for k in (math.floor(ideal), math.ceil(ideal)):
        k = max(k, 1)
        m = math.ceil(-k * capacity / math.log1p(-error_rate ** (1 / k)) / 8) * 8
        shapes.append(Shape(max(m, 1), k))
    return min(shapes)
