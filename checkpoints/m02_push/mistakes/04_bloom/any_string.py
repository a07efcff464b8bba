"""Takes a plain string too: it is hashed letter by letter, and nobody notices the missing brackets."""
#| exercise: m02-04-ex1
#| caught by: test_ex1_one_string_is_no_key
def fingerprint(parts: Sequence[str]) -> Fingerprint:
    hashed = hashlib.blake2b(digest_size=16)
    for part in parts:
        text = part.encode("utf-8", "surrogatepass")
        hashed.update(len(text).to_bytes(8, "big") + text)
    return Fingerprint(*struct.unpack(">QQ", hashed.digest()))
