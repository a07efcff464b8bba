"""Keeps every token whole: tokens of 4 kB fill the memory of a long walk."""
#| exercise: m01-12-ex3
#| caught by: test_ex3_a_step_costs_sixteen_bytes
def take_step(steps: set[bytes], token: str, body: bytes, *, constant_token: bool = False) -> None:
    step = token.encode() + (hashlib.sha256(body).digest() if constant_token else b"")
    if step in steps:
        raise CorruptError("the listing goes in a circle: this page leads back to an earlier one")
    steps.add(step)
