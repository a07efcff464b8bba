"""Asks the clock whether this is the probe: one that reports after the clock stepped back is counted as a call."""
#| exercise: m01-09-ex3
#| caught by: test_ex3_a_probe_that_succeeds_closes
def settle(circuit: Circuit, now_us: int, generation: int, verdict: Verdict, jitter_ppm: int) -> State | None:
    if generation != circuit.generation:
        return None
    if circuit.state(now_us) is not State.HALF_OPEN:
        if verdict is Verdict.ABANDONED or not fails_too_often(circuit, now_us, failed=verdict is Verdict.FAILED):
            return None
        return circuit.open(now_us, jitter_ppm)
    if verdict is Verdict.FAILED:
        return circuit.open(now_us, jitter_ppm)
    if verdict is Verdict.SUCCEEDED:
        return circuit.close(now_us)
    circuit.probe_until_us = 0
    return None
