"""Hashes the beginning of the page "because it is quicker": pages begin alike, and differ further down."""
#| exercise: m01-12-ex3
#| caught by: test_ex3_a_constant_handle
def take_step(steps: set[bytes], token: str, body: bytes, *, constant_token: bool = False) -> None:
    step = hashlib.sha256(token.encode("utf-8", "surrogatepass"))
    if constant_token:
        step.update(hashlib.sha256(body[:1024]).digest())
    digest = step.digest()[:16]
    if digest in steps:
        raise CorruptError(
            f"the listing goes in a circle: page {len(steps) + 1} leads back to an earlier one;"
            " nothing behind it can be reached"
        )
    steps.add(digest)
