"""Measures the text in place of the key: 24 letters hold 18 bytes."""
#| exercise: m02-01-ex3
#| caught by: test_ex3_too_short_or_too_long
def decode_secret(text: str) -> bytes:
    encoded = text.removeprefix("whsec_")
    if not SHORTEST_SECRET_BYTES <= len(encoded) <= 4 * LONGEST_SECRET_BYTES:
        raise ConfigurationError("is too short or too long")
    try:
        return base64.b64decode(encoded.encode("ascii") + b"=" * (-len(encoded) % 4), validate=True)
    except ValueError:
        raise ConfigurationError("is not base64 after whsec_") from None
