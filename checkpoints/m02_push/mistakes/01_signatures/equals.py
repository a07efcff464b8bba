"""Compares with ==: right in every test, and it stops at the first byte that differs, which a patient sender can time."""
#| exercise: m02-01-ex1
#| caught by: test_ex1_the_time_tells_nothing
def is_signed(message: bytes, offered: Sequence[bytes], keys: Iterable[bytes], spelling: Spelling) -> bool:
    found = False
    for key in keys:
        expected = sign(message, key, spelling)
        for signature in offered:
            found = found or signature == expected
    return found
