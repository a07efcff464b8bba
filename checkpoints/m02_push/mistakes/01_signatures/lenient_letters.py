"""Decodes without validate=True: letters that are not base64 are dropped, and a damaged secret becomes another key."""
#| exercise: m02-01-ex3
#| caught by: test_ex3_strict_letters
def decode_secret(text: str) -> bytes:
    try:
        key = base64.b64decode(text.removeprefix("whsec_") + "==")
    except ValueError:
        raise ConfigurationError("is not base64 after whsec_") from None
    if not SHORTEST_SECRET_BYTES <= len(key) <= LONGEST_SECRET_BYTES:
        raise ConfigurationError(f"decodes to {len(key)} bytes")
    return key
