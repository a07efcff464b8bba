"""Leaves out a place that comes twice: the key has fewer places than its shape says, in a small filter often."""
#| exercise: m02-04-ex3
#| caught by: test_ex3_places_are_in_range_and_enough
def places(of, shape):
    out = []
    at, step = of.first, of.second
    for i in range(1, shape.hashes + 1):
        if at % shape.bits not in out:
            out.append(at % shape.bits)
        at += step
        step += i
    return out
