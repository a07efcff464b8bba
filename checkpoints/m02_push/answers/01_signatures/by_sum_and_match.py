"""Counts the hits in a product of all pairs, filters with a helper, and checks letters with its own pattern."""
#| exercise: m02-01-ex1
def is_signed(message: bytes, offered: Sequence[bytes], keys: Iterable[bytes], spelling: Spelling) -> bool:
    mine = [sign(message, key, spelling) for key in list(keys)]
    hits = [hmac.compare_digest(one, other) for one in mine for other in offered]
    return sum(hits) > 0


#| exercise: m02-01-ex2
def live_keys(secrets: Iterable[Secret], now: datetime) -> list[bytes]:
    def is_live(secret: Secret) -> bool:
        if secret.not_after is None:
            return True
        return (secret.not_after - now).total_seconds() > 0

    return [secret.key for secret in filter(is_live, secrets)]


#| exercise: m02-01-ex3
def decode_secret(text: str) -> bytes:
    import re

    encoded = text[len("whsec_") :] if text.startswith("whsec_") else text
    if not re.fullmatch("[A-Za-z0-9+/]*={0,2}", encoded) or encoded != encoded.rstrip("\n"):
        raise ConfigurationError("a webhook secret is whsec_ and base64")
    bare = encoded.rstrip("=")
    if len(bare) % 4 == 1:
        raise ConfigurationError("a webhook secret has lost a letter")
    key = base64.b64decode(bare + "=" * (-len(bare) % 4))
    match len(key):
        case size if size < 24:
            raise ConfigurationError("a webhook secret has 24 bytes or more")
        case size if size > 64:
            raise ConfigurationError("a webhook secret has 64 bytes or fewer")
    return key
