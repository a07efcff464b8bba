"""Does not ask when the request left: a slow success from before the outage closes the circuit in the middle of it."""
#| exercise: m01-09-ex3
#| caught by: test_ex3_a_verdict_from_another_generation_counts_for_nothing
def settle(circuit: Circuit, now_us: int, generation: int, verdict: Verdict, jitter_ppm: int) -> State | None:
    if circuit.trips == 0:
        if verdict is Verdict.ABANDONED or not fails_too_often(circuit, now_us, failed=verdict is Verdict.FAILED):
            return None
        return circuit.open(now_us, jitter_ppm)
    if verdict is Verdict.FAILED:
        return circuit.open(now_us, jitter_ppm)
    if verdict is Verdict.SUCCEEDED:
        return circuit.close(now_us)
    circuit.probe_until_us = 0
    return None
