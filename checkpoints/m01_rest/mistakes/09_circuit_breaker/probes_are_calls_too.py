"""Asks the window about a failed probe as well: it takes ten time-outs, and ten leases, to learn what one has shown."""
#| exercise: m01-09-ex3
#| caught by: test_ex3_one_failed_probe_opens_for_longer
def settle(circuit: Circuit, now_us: int, generation: int, verdict: Verdict, jitter_ppm: int) -> State | None:
    if generation != circuit.generation:
        return None
    if verdict is Verdict.ABANDONED:
        circuit.probe_until_us = 0
        return None
    if fails_too_often(circuit, now_us, failed=verdict is Verdict.FAILED):
        return circuit.open(now_us, jitter_ppm)
    return circuit.close(now_us) if circuit.trips and verdict is Verdict.SUCCEEDED else None
