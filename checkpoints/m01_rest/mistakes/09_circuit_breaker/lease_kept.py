"""Leaves the lease of an abandoned probe running: nobody is on the way, and everybody waits."""
#| exercise: m01-09-ex3
#| caught by: test_ex3_an_abandoned_probe_makes_room_at_once
def settle(circuit: Circuit, now_us: int, generation: int, verdict: Verdict, jitter_ppm: int) -> State | None:
    if generation != circuit.generation or verdict is Verdict.ABANDONED:
        return None
    if circuit.trips == 0:
        return circuit.open(now_us, jitter_ppm) if fails_too_often(circuit, now_us, failed=verdict is Verdict.FAILED) else None
    return circuit.open(now_us, jitter_ppm) if verdict is Verdict.FAILED else circuit.close(now_us)
