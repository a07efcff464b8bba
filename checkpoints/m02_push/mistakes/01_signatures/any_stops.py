"""Uses any(): the keys behind the first hit are never tried, so the time tells which secret is in use."""
#| exercise: m02-01-ex1
#| caught by: test_ex1_the_time_tells_nothing
def is_signed(message: bytes, offered: Sequence[bytes], keys: Iterable[bytes], spelling: Spelling) -> bool:
    return any(
        hmac.compare_digest(sign(message, key, spelling), signature) for key in keys for signature in offered
    )
