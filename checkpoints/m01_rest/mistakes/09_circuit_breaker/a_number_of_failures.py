"""Counts failures instead of their share: a busy and healthy server reaches any number."""
#| exercise: m01-09-ex1
#| caught by: test_ex1_it_is_a_share_and_reaching_it_is_enough, test_ex1_agrees_with_a_long_memory
def fails_too_often(circuit: Circuit, now_us: int, *, failed: bool) -> bool:
    newest = now_us // circuit.policy.slice_us
    window = {at: counts for at, counts in circuit.window.items() if newest - SLICES < at <= newest}
    calls, failures = window.get(newest, (0, 0))
    window[newest] = (calls + 1, failures + failed)
    circuit.window = window
    calls, failures = map(sum, zip(*window.values(), strict=True))

    return failures >= circuit.policy.min_calls
