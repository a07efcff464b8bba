"""Puts only failures into the window: a share of the failures is always 100 %."""
#| exercise: m01-09-ex3
#| caught by: test_ex3_successes_are_counted_too
def settle(circuit: Circuit, now_us: int, generation: int, verdict: Verdict, jitter_ppm: int) -> State | None:
    if generation != circuit.generation:
        return None
    if circuit.trips == 0:
        if verdict is Verdict.FAILED and fails_too_often(circuit, now_us, failed=True):
            return circuit.open(now_us, jitter_ppm)
        return None
    if verdict is Verdict.FAILED:
        return circuit.open(now_us, jitter_ppm)
    if verdict is Verdict.SUCCEEDED:
        return circuit.close(now_us)
    circuit.probe_until_us = 0
    return None
