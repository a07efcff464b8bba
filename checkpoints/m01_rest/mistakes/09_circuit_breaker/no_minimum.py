"""Leaves out the minimum: the first call after a quiet night fails, that is 100 %, and everyone is locked out."""
#| exercise: m01-09-ex1
#| caught by: test_ex1_a_few_calls_prove_nothing
def fails_too_often(circuit: Circuit, now_us: int, *, failed: bool) -> bool:
    newest = now_us // circuit.policy.slice_us
    window = {at: counts for at, counts in circuit.window.items() if newest - SLICES < at <= newest}
    calls, failures = window.get(newest, (0, 0))
    window[newest] = (calls + 1, failures + failed)
    circuit.window = window
    calls, failures = map(sum, zip(*window.values(), strict=True))

    return failures * PARTS_PER_MILLION >= circuit.policy.rate_ppm * calls
