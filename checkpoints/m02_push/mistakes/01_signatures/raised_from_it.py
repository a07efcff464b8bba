"""Forgets `from None`: the UnicodeEncodeError behind the message carries the whole text along, and tracers print it."""
#| exercise: m02-01-ex3
#| caught by: test_ex3_quotes_nothing
def decode_secret(text: str) -> bytes:
    try:
        key = base64.b64decode((text.removeprefix("whsec_") + "=" * (-len(text.removeprefix("whsec_")) % 4)).encode("ascii"), validate=True)
    except ValueError:
        raise ConfigurationError("is not base64 after whsec_")
    if not SHORTEST_SECRET_BYTES <= len(key) <= LONGEST_SECRET_BYTES:
        raise ConfigurationError(f"decodes to {len(key)} bytes")
    return key
