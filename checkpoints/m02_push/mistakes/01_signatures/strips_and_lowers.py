"""Is kind to white space and case: kindness that no sender needs makes many signatures out of one."""
#| exercise: m02-01-ex1
#| caught by: test_ex1_a_signature_has_one_spelling
def is_signed(message: bytes, offered: Sequence[bytes], keys: Iterable[bytes], spelling: Spelling) -> bool:
    found = False
    for key in keys:
        expected = sign(message, key, spelling).lower()
        for signature in offered:
            found |= hmac.compare_digest(expected, signature.strip().lower())
    return found
