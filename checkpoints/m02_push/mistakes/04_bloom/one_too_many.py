"""Takes the remainder by the highest place instead of by the number of places."""
#| exercise: m02-04-ex3
#| caught by: test_ex3_places_are_in_range_and_enough, test_ex3_the_step_grows
def places(of: Fingerprint, shape: Shape) -> list[int]:
    place, step = of.first, of.second
    found = [place % (shape.bits + 1)]
    for longer in range(1, shape.hashes):
        place, step = place + step, step + longer
        found.append(place % (shape.bits + 1))
    return found
