"""Cuts the wait that it tells, and not the time that it keeps: who waits as told is told the same again, for an hour."""
#| exercise: m01-09-ex2
#| caught by: test_ex2_a_clock_that_stepped_back_keeps_nobody_away_for_long
def admit(circuit: Circuit, now_us: int) -> tuple[int, int]:
    if circuit.trips == 0:
        return circuit.generation, 0
    retry_in_us = min(circuit.retry_at_us - now_us, circuit.policy.max_delay_us)
    probe_in_us = min(circuit.probe_until_us - now_us, circuit.policy.lease_us)
    if max(retry_in_us, probe_in_us) > 0:
        return circuit.generation, max(retry_in_us, probe_in_us)
    circuit.begin_generation(now_us)
    circuit.probe_until_us = now_us + circuit.policy.lease_us
    return circuit.generation, 0
