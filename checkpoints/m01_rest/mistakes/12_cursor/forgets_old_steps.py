"""Keeps the last thousand steps "to save memory": a circle of 1,001 pages is walked for ever."""
#| exercise: m01-12-ex3
#| caught by: test_ex3_circles_of_any_length
def take_step(steps: set[bytes], token: str, body: bytes, *, constant_token: bool = False) -> None:
    step = hashlib.sha256(token.encode("utf-8", "surrogatepass"))
    if constant_token:
        step.update(hashlib.sha256(body).digest())
    digest = step.digest()[:16]
    if digest in steps:
        raise CorruptError(
            f"the listing goes in a circle: page {len(steps) + 1} leads back to an earlier one;"
            " nothing behind it can be reached"
        )
    if len(steps) >= 1_000:
        steps.clear()
    steps.add(digest)
