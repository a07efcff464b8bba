# Made from solutions/m02_push/01_signatures.ipynb: edit it there.
"""Signatures over the bytes that came: HMAC-SHA256 under any of several live secrets, compared in constant time."""

import base64
import binascii
import hmac
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from ingestion.errors import ConfigurationError

__all__ = [
    "LONGEST_SECRET_BYTES",
    "SHORTEST_SECRET_BYTES",
    "Secret",
    "Spelling",
    "as_base64",
    "as_hex",
    "decode_secret",
    "is_signed",
    "live_keys",
    "plain_secret",
    "sign",
]


Spelling = Callable[[bytes], bytes]

SHORTEST_SECRET_BYTES = 24
LONGEST_SECRET_BYTES = 64


def as_hex(digest: bytes) -> bytes:
    """Spell *digest* in lower-case hexadecimal."""
    return binascii.hexlify(digest)


def as_base64(digest: bytes) -> bytes:
    """Spell *digest* in base64, padded, on one line."""
    return binascii.b2a_base64(digest, newline=False)


def sign(message: bytes, key: bytes, spelling: Spelling) -> bytes:
    """Give the one signature of *message* under *key*, as its sender spells it."""
    return spelling(hmac.digest(key, message, "sha256"))


def is_signed(message: bytes, offered: Sequence[bytes], keys: Iterable[bytes], spelling: Spelling) -> bool:
    """Say whether one of the *offered* signatures is that of *message* under one of *keys*.

    Every offer is compared with every key's signature, so that the time it takes tells nothing of what fits or how
    nearly. Never raises, whatever bytes are offered.
    """
    found = False
    for key in keys:
        # Ours is spelled like theirs; theirs is never decoded. So there is one right spelling, and nothing to go wrong.
        expected = sign(message, key, spelling)
        for signature in offered:
            found |= hmac.compare_digest(expected, signature)
    return found


class Secret:
    """A secret shared with a sender, and the moment from which it is no longer good. Shows itself masked.

    Attributes:
        key: The bytes to sign with.
        not_after: Signatures under this secret are refused from this moment on; None for never.
    """

    __slots__ = ("key", "not_after")

    def __init__(self, key: bytes, not_after: datetime | None = None) -> None:
        self.key = key
        self.not_after = not_after

    def __repr__(self) -> str:
        return f"Secret('***', not_after={self.not_after})"


def live_keys(secrets: Iterable[Secret], now: datetime) -> list[bytes]:
    """Give the keys that are good at *now*, in their order. At its `not_after` a secret is good no more."""
    return [secret.key for secret in secrets if secret.not_after is None or now < secret.not_after]


def decode_secret(text: str) -> bytes:
    """Decode a secret as Standard Webhooks spells it, `whsec_` and then base64, into its key of 24 to 64 bytes.

    The `whsec_` and the padding at the end may be missing, as some senders leave them out.

    Raises:
        ConfigurationError: it is not spelled so, or is too short or too long; the message quotes nothing of it.
    """
    try:
        encoded = text.removeprefix("whsec_").encode("ascii")
        key = base64.b64decode(encoded + b"=" * (-len(encoded) % 4), validate=True)
    except ValueError:
        raise ConfigurationError("is not base64 after whsec_: copy it whole") from None
    if not SHORTEST_SECRET_BYTES <= len(key) <= LONGEST_SECRET_BYTES:
        raise ConfigurationError(f"decodes to {len(key)} bytes: want {SHORTEST_SECRET_BYTES} to {LONGEST_SECRET_BYTES}")
    return key


def plain_secret(text: str) -> bytes:
    """Take a secret that its sender uses as it is spelled, of 24 bytes or more.

    Raises:
        ConfigurationError: it is shorter; the message quotes nothing of it.
    """
    key = text.encode("utf-8", "surrogatepass")
    if len(key) < SHORTEST_SECRET_BYTES:
        raise ConfigurationError(f"has {len(key)} bytes: want {SHORTEST_SECRET_BYTES} or more")
    return key
