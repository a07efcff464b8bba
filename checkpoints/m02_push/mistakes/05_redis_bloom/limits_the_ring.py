"""Holds all segments together against the limit of one bitmap."""
#| exercise: m02-05-ex1
#| caught by: test_ex1_the_limit_is_a_bitmap_s
def ring_for(capacity, error_rate, window_s, segments):
    if segments < 2 or not window_s > 0 or capacity < 1 or not 0 < error_rate < 1:
        raise ValueError("x")
    each = -(-capacity // (segments - 1))
    shape = shape_for(each, error_rate / segments)
    if shape.bits * segments > 2**32:
        raise ValueError("x")
    return Ring(segments, shape, each, math.ceil(window_s * 1000 / (segments - 1)))
