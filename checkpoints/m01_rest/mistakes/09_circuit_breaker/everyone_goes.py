"""The breaker of most blog posts: when the delay is over everyone goes, to a server that is just getting up."""
#| exercise: m01-09-ex2
#| caught by: test_ex2_then_one_of_a_hundred_goes
def admit(circuit: Circuit, now_us: int) -> tuple[int, int]:
    if circuit.trips and now_us < circuit.retry_at_us:
        return circuit.generation, circuit.retry_at_us - now_us
    return circuit.generation, 0
