"""Never forgets: after a good night it takes another night of failures to notice an outage."""
#| exercise: m01-09-ex1
#| caught by: test_ex1_what_left_the_window_is_forgotten, test_ex1_agrees_with_a_long_memory
def fails_too_often(circuit: Circuit, now_us: int, *, failed: bool) -> bool:
    calls, failures = circuit.window.get(0, (0, 0))
    circuit.window[0] = calls, failures = calls + 1, failures + failed
    return calls >= circuit.policy.min_calls and failures * PARTS_PER_MILLION >= circuit.policy.rate_ppm * calls
