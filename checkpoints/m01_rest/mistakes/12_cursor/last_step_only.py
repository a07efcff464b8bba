"""Remembers the last step alone: sees A, A and walks A, B, A, B for ever."""
#| exercise: m01-12-ex3
#| caught by: test_ex3_circles_of_any_length
def take_step(steps: set[bytes], token: str, body: bytes, *, constant_token: bool = False) -> None:
    step = hashlib.sha256(token.encode() + (hashlib.sha256(body).digest() if constant_token else b"")).digest()[:16]
    if step in steps:
        raise CorruptError("the listing goes in a circle: this page leads back to itself")
    steps.clear()
    steps.add(step)
