"""Starts over with each new slice: failures on both sides of an edge are never added up."""
#| exercise: m01-09-ex1
#| caught by: test_ex1_trouble_across_the_edge_of_a_slice_is_seen
def fails_too_often(circuit: Circuit, now_us: int, *, failed: bool) -> bool:
    newest = now_us // circuit.policy.slice_us
    calls, failures = circuit.window.get(newest, (0, 0))
    circuit.window = {newest: (calls + 1, failures + failed)}
    calls, failures = circuit.window[newest]
    return calls >= circuit.policy.min_calls and failures * PARTS_PER_MILLION >= circuit.policy.rate_ppm * calls
