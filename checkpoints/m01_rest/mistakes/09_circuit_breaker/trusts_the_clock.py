"""Takes the wall clock at its word: it steps back an hour, and the circuit stays open for an hour."""
#| exercise: m01-09-ex2
#| caught by: test_ex2_a_clock_that_stepped_back_keeps_nobody_away_for_long
def admit(circuit: Circuit, now_us: int) -> tuple[int, int]:
    if circuit.trips == 0:
        return circuit.generation, 0
    free_at_us = max(circuit.retry_at_us, circuit.probe_until_us)
    if now_us < free_at_us:
        return circuit.generation, free_at_us - now_us
    circuit.begin_generation(now_us)
    circuit.probe_until_us = now_us + circuit.policy.lease_us
    return circuit.generation, 0
