"""Pairs the offers with the keys, as if both sides kept them in one order."""
#| exercise: m02-01-ex1
#| caught by: test_ex1_any_offer_under_any_key
def is_signed(message: bytes, offered: Sequence[bytes], keys: Iterable[bytes], spelling: Spelling) -> bool:
    found = False
    for key, signature in zip(keys, offered):
        found |= hmac.compare_digest(sign(message, key, spelling), signature)
    return found
