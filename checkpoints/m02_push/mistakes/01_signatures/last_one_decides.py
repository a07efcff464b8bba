"""Writes = where |= is meant: only the last comparison counts."""
#| exercise: m02-01-ex1
#| caught by: test_ex1_any_offer_under_any_key
def is_signed(message: bytes, offered: Sequence[bytes], keys: Iterable[bytes], spelling: Spelling) -> bool:
    found = False
    for key in keys:
        expected = sign(message, key, spelling)
        for signature in offered:
            found = hmac.compare_digest(expected, signature)
    return found
