"""Looks at the first offered signature only: works until the sender changes its secret and sends two."""
#| exercise: m02-01-ex1
#| caught by: test_ex1_any_offer_under_any_key
def is_signed(message: bytes, offered: Sequence[bytes], keys: Iterable[bytes], spelling: Spelling) -> bool:
    first = offered[0] if offered else b""
    found = False
    for key in keys:
        found |= hmac.compare_digest(sign(message, key, spelling), first)
    return found
