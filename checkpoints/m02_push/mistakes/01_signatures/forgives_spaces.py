"""Strips white space first, to be kind to who pastes: what is broken elsewhere is then broken unseen here."""
#| exercise: m02-01-ex3
#| caught by: test_ex3_strict_letters
def decode_secret(text):
    text = text.strip()
    text = text.removeprefix("whsec_")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        raise ConfigurationError("bad") from None
    if not 24 <= len(key) <= 64:
        raise ConfigurationError("bad")
    return key
