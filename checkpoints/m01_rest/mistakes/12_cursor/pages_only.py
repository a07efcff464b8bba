"""Compares pages and not tokens: two empty pages in a row look like a circle."""
#| exercise: m01-12-ex3
#| caught by: test_ex3_the_same_page_under_new_tokens_is_fine
def take_step(steps: set[bytes], token: str, body: bytes, *, constant_token: bool = False) -> None:
    step = hashlib.sha256(body).digest()[:16]
    if step in steps:
        raise CorruptError("the listing goes in a circle: this page was here before")
    steps.add(step)
