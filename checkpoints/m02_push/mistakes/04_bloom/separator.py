"""Puts a separator between the parts, and trusts that no sender will ever use it."""
#| exercise: m02-04-ex1
#| caught by: test_ex1_keys_that_differ_differ
def fingerprint(parts: Sequence[str]) -> Fingerprint:
    if isinstance(parts, str):
        raise TypeError("a sequence of parts")
    digest = hashlib.blake2b("\x1f".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return Fingerprint(*struct.unpack(">QQ", digest))
