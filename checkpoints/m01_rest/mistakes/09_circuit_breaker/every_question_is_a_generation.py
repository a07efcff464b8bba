"""Begins a generation with each question: the probe comes home, and its verdict is from another one."""
#| exercise: m01-09-ex2
#| caught by: test_ex2_then_one_of_a_hundred_goes
def admit(circuit: Circuit, now_us: int) -> tuple[int, int]:
    if circuit.trips == 0:
        return circuit.generation, 0
    circuit.retry_at_us = min(circuit.retry_at_us, now_us + circuit.policy.max_delay_us)
    circuit.probe_until_us = min(circuit.probe_until_us, now_us + circuit.policy.lease_us)
    free_at_us = max(circuit.retry_at_us, circuit.probe_until_us)
    if now_us < free_at_us:
        circuit.begin_generation(now_us)
        return circuit.generation, free_at_us - now_us
    circuit.begin_generation(now_us)
    circuit.probe_until_us = now_us + circuit.policy.lease_us
    return circuit.generation, 0
