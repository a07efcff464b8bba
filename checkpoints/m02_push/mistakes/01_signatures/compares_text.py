"""Decodes both to str, as the documentation's examples do: compare_digest raises TypeError for text beyond ASCII."""
#| exercise: m02-01-ex1
#| caught by: test_ex1_any_bytes_are_answered
def is_signed(message: bytes, offered: Sequence[bytes], keys: Iterable[bytes], spelling: Spelling) -> bool:
    found = False
    for key in keys:
        expected = sign(message, key, spelling).decode()
        for signature in offered:
            found |= hmac.compare_digest(expected, signature.decode("latin-1"))
    return found
