"""Lowers and strips the token before it is hashed: two pages look like one."""
#| exercise: m01-12-ex3
#| caught by: test_ex3_tokens_that_look_alike_are_different
def take_step(steps: set[bytes], token: str, body: bytes, *, constant_token: bool = False) -> None:
    step = hashlib.sha256(token.strip().lower().encode("utf-8", "surrogatepass"))
    if constant_token:
        step.update(hashlib.sha256(body).digest())
    digest = step.digest()[:16]
    if digest in steps:
        raise CorruptError(
            f"the listing goes in a circle: page {len(steps) + 1} leads back to an earlier one;"
            " nothing behind it can be reached"
        )
    steps.add(digest)
