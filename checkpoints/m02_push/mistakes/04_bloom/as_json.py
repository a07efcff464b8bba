"""Spells the parts as JSON: json.dumps writes a character beyond the BMP and its two lone halves the same way."""
#| exercise: m02-04-ex1
#| caught by: test_ex1_text_is_taken_as_it_is
import json
def fingerprint(parts):
    if isinstance(parts, str):
        raise TypeError("x")
    raw = json.dumps(list(parts)).encode()
    d = hashlib.blake2b(raw, digest_size=16).digest()
    return Fingerprint(int.from_bytes(d[:8], "big"), int.from_bytes(d[8:], "big"))
