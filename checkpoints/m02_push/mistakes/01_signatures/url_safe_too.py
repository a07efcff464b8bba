"""Takes the URL-safe letters as well: two spellings of one secret, and one of them no sender writes."""
#| exercise: m02-01-ex3
#| caught by: test_ex3_strict_letters
def decode_secret(text):
    text = text.removeprefix("whsec_")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), altchars="-_", validate=True)
    except ValueError:
        raise ConfigurationError("bad") from None
    if not 24 <= len(key) <= 64:
        raise ConfigurationError("bad")
    return key
