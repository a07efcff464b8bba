"""Takes one segment for a ring, by being careful about dividing by zero only: it forgets everything at once."""
#| exercise: m02-05-ex1
#| caught by: test_ex1_refuses_nonsense
def ring_for(capacity: int, error_rate: float, window_s: float, segments: int) -> Ring:
    if segments < 1 or not 0 < error_rate < 1:
        raise ValueError(f"want a ring of at least 2 segments and 0 < error_rate < 1, not {segments=}, {error_rate=}")
    kept = max(1, segments - 1)
    span_ms = math.ceil(window_s * 1000 / kept)
    part = math.ceil(capacity / kept)
    shape = shape_for(part, error_rate / segments)
    if span_ms < 1 or shape.bits > _LARGEST_BITMAP:
        raise ValueError(f"no ring for {capacity=}, {error_rate=}, {window_s=}: {span_ms} ms, {shape.bits} bits")
    return Ring(segments, shape, part, span_ms)
