"""Keeps eleven slices: the window is a tenth longer than the policy says, and Redis forgets sooner than Python."""
#| exercise: m01-09-ex1
#| caught by: test_ex1_what_left_the_window_is_forgotten
def fails_too_often(circuit: Circuit, now_us: int, *, failed: bool) -> bool:
    newest = now_us // circuit.policy.slice_us
    window = {at: counts for at, counts in circuit.window.items() if newest - SLICES <= at <= newest}
    calls, failures = window.get(newest, (0, 0))
    window[newest] = (calls + 1, failures + failed)
    circuit.window = window
    calls, failures = map(sum, zip(*window.values(), strict=True))
    return calls >= circuit.policy.min_calls and failures * PARTS_PER_MILLION >= circuit.policy.rate_ppm * calls
