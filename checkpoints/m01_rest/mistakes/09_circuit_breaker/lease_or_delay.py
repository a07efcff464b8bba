"""Looks at the delay only where there never was a probe."""
#| exercise: m01-09-ex2
#| caught by: test_ex2_the_later_of_the_two
def admit(circuit: Circuit, now_us: int) -> tuple[int, int]:
    if circuit.trips == 0:
        return circuit.generation, 0
    circuit.retry_at_us = min(circuit.retry_at_us, now_us + circuit.policy.max_delay_us)
    circuit.probe_until_us = min(circuit.probe_until_us, now_us + circuit.policy.lease_us)
    free_at_us = circuit.probe_until_us or circuit.retry_at_us
    if now_us < free_at_us:
        return circuit.generation, free_at_us - now_us
    circuit.begin_generation(now_us)
    circuit.probe_until_us = now_us + circuit.policy.lease_us
    return circuit.generation, 0
