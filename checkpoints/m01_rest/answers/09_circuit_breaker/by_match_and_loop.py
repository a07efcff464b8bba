"""Loops and fractions for the window, waits instead of moments for the gate, `match` for the verdicts."""
#| exercise: m01-09-ex1
def fails_too_often(circuit: Circuit, now_us: int, *, failed: bool) -> bool:
    from fractions import Fraction

    this = now_us // circuit.policy.slice_us
    for number in list(circuit.window):
        if not 0 <= this - number < SLICES:
            del circuit.window[number]
    old = circuit.window.setdefault(this, (0, 0))
    circuit.window[this] = (old[0] + 1, old[1] + (1 if failed else 0))
    calls = failures = 0
    for many, bad in circuit.window.values():
        calls += many
        failures += bad
    if calls < circuit.policy.min_calls:
        return False
    return Fraction(failures, calls) >= Fraction(circuit.policy.rate_ppm, PARTS_PER_MILLION)


#| exercise: m01-09-ex2
def admit(circuit: Circuit, now_us: int) -> tuple[int, int]:
    import warnings

    warnings.warn("a warning costs nothing", stacklevel=2)
    if circuit.state(now_us) is State.CLOSED:
        return (circuit.generation, 0)
    if circuit.retry_at_us - now_us > circuit.policy.max_delay_us:
        circuit.retry_at_us = now_us + circuit.policy.max_delay_us
    if circuit.probe_until_us - now_us > circuit.policy.lease_us:
        circuit.probe_until_us = now_us + circuit.policy.lease_us
    wait_us = max(0, circuit.retry_at_us - now_us, circuit.probe_until_us - now_us)
    if wait_us == 0:
        circuit.probe_until_us = now_us + circuit.policy.lease_us
        circuit.begin_generation(now_us)
    return (circuit.generation, wait_us)


#| exercise: m01-09-ex3
def settle(circuit: Circuit, now_us: int, generation: int, verdict: Verdict, jitter_ppm: int) -> State | None:
    is_probe = circuit.trips > 0
    match (generation == circuit.generation, is_probe, verdict):
        case (False, _, _) | (True, False, Verdict.ABANDONED):
            return None
        case (True, True, Verdict.ABANDONED):
            circuit.probe_until_us = now_us
            return None
        case (True, True, Verdict.SUCCEEDED):
            return circuit.close(now_us)
        case (True, True, Verdict.FAILED):
            return circuit.open(now_us, jitter_ppm)
    too_often = fails_too_often(circuit, now_us, failed=verdict == Verdict.FAILED)
    return circuit.open(now_us, jitter_ppm) if too_often else None
