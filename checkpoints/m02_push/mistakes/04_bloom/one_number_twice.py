"""Makes the second number out of the first: half of the digest is thrown away, and small filters suffer."""
#| exercise: m02-04-ex1
#| caught by: test_ex1_gives_two_numbers_of_64_bits
def fingerprint(parts: Sequence[str]) -> Fingerprint:
    if isinstance(parts, str):
        raise TypeError("a sequence of parts")
    hashed = hashlib.blake2b(digest_size=16)
    for part in parts:
        text = part.encode("utf-8", "surrogatepass")
        hashed.update(len(text).to_bytes(8, "big") + text)
    first, _ = struct.unpack(">QQ", hashed.digest())
    return Fingerprint(first, first >> 32)
