"""Forgets to raise: the circle is seen, and walked."""
#| exercise: m01-12-ex3
#| caught by: test_ex3_circles_of_any_length, test_ex3_a_refused_step_says_so
def take_step(steps: set[bytes], token: str, body: bytes, *, constant_token: bool = False) -> None:
    step = hashlib.sha256(token.encode() + (hashlib.sha256(body).digest() if constant_token else b"")).digest()[:16]
    if step not in steps:
        steps.add(step)
