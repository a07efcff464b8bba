"""A flag instead of a lease: one killed prober, and nobody goes ever again."""
#| exercise: m01-09-ex2
#| caught by: test_ex2_a_lost_probe_is_replaced_when_its_lease_is_over
def admit(circuit: Circuit, now_us: int) -> tuple[int, int]:
    if circuit.trips == 0:
        return circuit.generation, 0
    circuit.retry_at_us = min(circuit.retry_at_us, now_us + circuit.policy.max_delay_us)
    if now_us < circuit.retry_at_us:
        return circuit.generation, circuit.retry_at_us - now_us
    if circuit.probe_until_us:
        return circuit.generation, circuit.policy.lease_us
    circuit.begin_generation(now_us)
    circuit.probe_until_us = now_us + circuit.policy.lease_us
    return circuit.generation, 0
