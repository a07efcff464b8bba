"""Puts the length into one byte, modulo 256: a part of 256 bytes says that it is empty."""
#| exercise: m02-04-ex1
#| caught by: test_ex1_a_length_cannot_be_forged
def fingerprint(parts):
    if isinstance(parts, str):
        raise TypeError("x")
    enc = [p.encode("utf-8", "surrogatepass") for p in parts]
    raw = b"".join(bytes([len(p) % 256]) + p for p in enc)
    d = hashlib.blake2b(raw, digest_size=16).digest()
    return Fingerprint(int.from_bytes(d[:8], "big"), int.from_bytes(d[8:], "big"))
