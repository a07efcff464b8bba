"""Spells parts as netstrings, tries every number of hashes, and uses the closed formula for the places."""
#| exercise: m02-04-ex1
def fingerprint(parts: Sequence[str]) -> Fingerprint:
    if isinstance(parts, (str, bytes)):
        raise TypeError("want a sequence of strings")
    texts = [part.encode(errors="surrogatepass") for part in parts]
    digest = hashlib.blake2b(b"".join(b"%d:%s," % (len(text), text) for text in texts), digest_size=16).digest()
    return Fingerprint(int.from_bytes(digest[8:], "little"), int.from_bytes(digest[:8], "little"))


#| exercise: m02-04-ex2
def shape_for(capacity: int, error_rate: float) -> Shape:
    if not (capacity >= 1 and 0.0 < error_rate < 1.0):
        raise ValueError("no such filter")
    best = None
    for hashes in range(1, 80):
        filled = error_rate ** (1 / hashes)
        bits = int(-hashes * capacity / math.log(1 - filled)) + 1
        if best is None or bits < best.bits:
            best = Shape(bits, hashes)
    return best


#| exercise: m02-04-ex3
def places(of: Fingerprint, shape: Shape) -> list[int]:
    return [(of.first + i * of.second + (i**3 - i) // 6) % shape.bits for i in range(shape.hashes)]
