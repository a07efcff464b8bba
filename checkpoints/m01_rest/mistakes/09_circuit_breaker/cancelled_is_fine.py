"""Counts an abandoned call as a good one: a deploy that cancels 1,000 calls hides the outage, and a cancelled probe ends it."""
#| exercise: m01-09-ex3
#| caught by: test_ex3_abandoned_calls_are_not_counted, test_ex3_an_abandoned_probe_makes_room_at_once
def settle(circuit: Circuit, now_us: int, generation: int, verdict: Verdict, jitter_ppm: int) -> State | None:
    if generation != circuit.generation:
        return None
    failed = verdict is Verdict.FAILED
    if circuit.trips == 0:
        return circuit.open(now_us, jitter_ppm) if fails_too_often(circuit, now_us, failed=failed) else None
    return circuit.open(now_us, jitter_ppm) if failed else circuit.close(now_us)
