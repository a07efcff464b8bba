"""Goes on in even steps, as most libraries do: a small filter is several times as wrong as promised."""
#| exercise: m02-04-ex3
#| caught by: test_ex3_the_step_grows, test_ex3_a_standing_step_still_moves
def places(of: Fingerprint, shape: Shape) -> list[int]:
    return [(of.first + number * of.second) % shape.bits for number in range(shape.hashes)]
