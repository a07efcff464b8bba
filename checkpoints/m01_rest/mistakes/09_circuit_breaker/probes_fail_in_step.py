"""Draws no part of the delay where a probe failed: all processes come back together."""
#| exercise: m01-09-ex3
#| caught by: test_ex3_one_failed_probe_opens_for_longer
def settle(circuit: Circuit, now_us: int, generation: int, verdict: Verdict, jitter_ppm: int) -> State | None:
    if generation != circuit.generation:
        return None
    if circuit.trips == 0:
        if verdict is Verdict.ABANDONED or not fails_too_often(circuit, now_us, failed=verdict is Verdict.FAILED):
            return None
        return circuit.open(now_us, jitter_ppm)
    if verdict is Verdict.FAILED:
        return circuit.open(now_us, PARTS_PER_MILLION)
    if verdict is Verdict.SUCCEEDED:
        return circuit.close(now_us)
    circuit.probe_until_us = 0
    return None
