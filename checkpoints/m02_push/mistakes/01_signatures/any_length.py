"""Takes a key of any length, as the reference libraries do: a short one can be guessed from one delivery."""
#| exercise: m02-01-ex3
#| caught by: test_ex3_too_short_or_too_long
def decode_secret(text: str) -> bytes:
    try:
        encoded = text.removeprefix("whsec_").encode("ascii")
        return base64.b64decode(encoded + b"=" * (-len(encoded) % 4), validate=True)
    except ValueError:
        raise ConfigurationError("is not base64 after whsec_") from None
