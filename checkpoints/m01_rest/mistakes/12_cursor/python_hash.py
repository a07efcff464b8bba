"""Uses hash(): 8 bytes that differ from process to process, and collide far earlier than they should."""
#| exercise: m01-12-ex3
#| caught by: test_ex3_a_step_costs_sixteen_bytes
def take_step(steps: set[bytes], token: str, body: bytes, *, constant_token: bool = False) -> None:
    step = (hash((token, body)) if constant_token else hash(token)).to_bytes(8, "big", signed=True)
    if step in steps:
        raise CorruptError("the listing goes in a circle: this page leads back to an earlier one")
    steps.add(step)
