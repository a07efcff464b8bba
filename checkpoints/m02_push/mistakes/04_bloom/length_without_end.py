"""Writes each length in decimal digits that run into the part: `2` before `aa` reads like 2aa."""
#| exercise: m02-04-ex1
#| caught by: test_ex1_a_length_cannot_be_forged
def fingerprint(parts: Sequence[str]) -> Fingerprint:
    if isinstance(parts, str):
        raise TypeError("a sequence of parts")
    spelled = "".join(f"{len(part)}{part}" for part in parts)
    digest = hashlib.blake2b(spelled.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return Fingerprint(*struct.unpack(">QQ", digest))
