"""Lengthens the step before the first one is taken: right by itself, and strange to every other process."""
#| exercise: m02-04-ex3
#| caught by: test_ex3_the_step_grows
def places(of: Fingerprint, shape: Shape) -> list[int]:
    place, step = of.first, of.second
    found = []
    for longer in range(1, shape.hashes + 1):
        found.append(place % shape.bits)
        step += longer
        place += step
    return found
