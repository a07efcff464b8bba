"""Looks at the window before this call is in it: the circuit opens one call late, and with min_calls=1 never in time."""
#| exercise: m01-09-ex1
#| caught by: test_ex1_a_few_calls_prove_nothing, test_ex1_agrees_with_a_long_memory
def fails_too_often(circuit: Circuit, now_us: int, *, failed: bool) -> bool:
    newest = now_us // circuit.policy.slice_us
    window = {at: counts for at, counts in circuit.window.items() if newest - SLICES < at <= newest}
    calls, failures = sum(counts[0] for counts in window.values()), sum(counts[1] for counts in window.values())
    here = window.get(newest, (0, 0))
    window[newest] = (here[0] + 1, here[1] + failed)
    circuit.window = window
    return calls >= circuit.policy.min_calls and failures * PARTS_PER_MILLION >= circuit.policy.rate_ppm * calls
