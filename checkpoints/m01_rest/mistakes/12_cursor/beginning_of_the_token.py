"""Remembers the first 16 bytes of a token: those of one server begin alike."""
#| exercise: m01-12-ex3
#| caught by: test_ex3_tokens_that_look_alike_are_different
def take_step(steps: set[bytes], token: str, body: bytes, *, constant_token: bool = False) -> None:
    step = hashlib.sha256(token[:16].encode("utf-8", "surrogatepass"))
    if constant_token:
        step.update(hashlib.sha256(body).digest())
    digest = step.digest()[:16]
    if digest in steps:
        raise CorruptError(
            f"the listing goes in a circle: page {len(steps) + 1} leads back to an earlier one;"
            " nothing behind it can be reached"
        )
    steps.add(digest)
