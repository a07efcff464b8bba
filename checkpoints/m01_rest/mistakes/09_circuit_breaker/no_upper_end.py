"""Gives the window no upper end: after the clock stepped back, failures of the future count for an hour."""
#| exercise: m01-09-ex1
#| caught by: test_ex1_slices_from_the_future_are_no_part_of_it
def fails_too_often(circuit: Circuit, now_us: int, *, failed: bool) -> bool:
    newest = now_us // circuit.policy.slice_us
    window = {at: counts for at, counts in circuit.window.items() if newest - SLICES < at}
    calls, failures = window.get(newest, (0, 0))
    window[newest] = (calls + 1, failures + failed)
    circuit.window = window
    calls, failures = map(sum, zip(*window.values(), strict=True))
    return calls >= circuit.policy.min_calls and failures * PARTS_PER_MILLION >= circuit.policy.rate_ppm * calls
