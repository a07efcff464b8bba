"""Begins a generation with every call: no report of a closed circuit ever counts, so it never opens."""
#| exercise: m01-09-ex2
#| caught by: test_ex2_closed_everyone_goes
def admit(circuit: Circuit, now_us: int) -> tuple[int, int]:
    circuit.retry_at_us = min(circuit.retry_at_us, now_us + circuit.policy.max_delay_us)
    circuit.probe_until_us = min(circuit.probe_until_us, now_us + circuit.policy.lease_us)
    free_at_us = max(circuit.retry_at_us, circuit.probe_until_us)
    if circuit.trips and now_us < free_at_us:
        return circuit.generation, free_at_us - now_us
    circuit.begin_generation(now_us)
    if circuit.trips:
        circuit.probe_until_us = now_us + circuit.policy.lease_us
    return circuit.generation, 0
