"""Decodes what came and compares digests: four spellings of one signature pass, and junk letters are dropped."""
#| exercise: m02-01-ex1
#| caught by: test_ex1_a_signature_has_one_spelling, test_ex1_any_bytes_are_answered
def is_signed(message: bytes, offered: Sequence[bytes], keys: Iterable[bytes], spelling: Spelling) -> bool:
    decode = base64.b64decode if spelling(b"\0") == b"AA==" else binascii.unhexlify
    found = False
    for key in keys:
        for signature in offered:
            found |= hmac.compare_digest(hmac.digest(key, message, "sha256"), decode(signature))
    return found
