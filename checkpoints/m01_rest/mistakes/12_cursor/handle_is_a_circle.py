"""Never looks at the page: a scroll, which has one handle for all of its pages, ends after its first."""
#| exercise: m01-12-ex3
#| caught by: test_ex3_a_constant_handle
def take_step(steps: set[bytes], token: str, body: bytes, *, constant_token: bool = False) -> None:
    step = hashlib.sha256(token.encode()).digest()[:16]
    if step in steps:
        raise CorruptError("the listing goes in a circle: this page leads back to an earlier one")
    steps.add(step)
