"""Shows what it could not read: the secret is now in the log."""
#| exercise: m02-01-ex3
#| caught by: test_ex3_quotes_nothing
def decode_secret(text: str) -> bytes:
    try:
        encoded = text.removeprefix("whsec_").encode("ascii")
        key = base64.b64decode(encoded + b"=" * (-len(encoded) % 4), validate=True)
    except ValueError:
        raise ConfigurationError(f"{text!r} is not base64") from None
    if not SHORTEST_SECRET_BYTES <= len(key) <= LONGEST_SECRET_BYTES:
        raise ConfigurationError(f"{text!r} decodes to {len(key)} bytes")
    return key
