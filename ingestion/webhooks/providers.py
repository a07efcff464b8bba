# Made from solutions/m02_push/02_providers.ipynb: edit it there.
"""How each provider signs, as data: which headers, which bytes, which spelling, and where an event says who it is."""

import hashlib
import re
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from ingestion.errors import ConfigurationError
from ingestion.webhooks.signatures import Spelling, as_base64, as_hex, decode_secret, plain_secret

__all__ = [
    "MAX_SIGNATURES",
    "SCHEMES",
    "Claim",
    "Headers",
    "Refused",
    "Scheme",
    "Verified",
    "event_key",
    "is_name",
    "offered",
    "pick_headers",
    "read_claim",
    "scheme_of",
]


Headers = Sequence[tuple[bytes, bytes]]

MAX_SIGNATURES = 16

_name = re.compile(rb"[!-~]{1,200}").fullmatch


class Scheme(msgspec.Struct, frozen=True, kw_only=True):
    """How one provider signs.

    Attributes:
        headers: The headers that matter, in lower case, each with its role: `signature`, `timestamp`, `id` or `type`.
            Where a provider has two sets of names, the first set with a signature counts.
        signed: The bytes that are signed, as a template over `id`, `timestamp` and `body`.
        spelling: How a signature is spelled.
        prefix: What stands before a signature of the version that is understood here.
        separator: What stands between several signatures; None where the header holds one.
        timestamp_prefix: What stands before the timestamp, where it travels among the signatures.
        key_of: Makes the key out of a secret as the provider shows it.
        id_path: Where the body says which event it is.
        type_path: Where the body says what kind of event it is.
        time_path: Where the body says when it happened.
        challenge_type: The type of a request that is no event: it wants its own challenge back.
    """

    headers: tuple[dict[bytes, str], ...]
    signed: bytes = b"%(body)b"
    spelling: Spelling = as_hex
    prefix: bytes = b""
    separator: bytes | None = None
    timestamp_prefix: bytes | None = None
    key_of: Callable[[str], bytes] = plain_secret
    id_path: tuple[str, ...] = ()
    type_path: tuple[str, ...] = ()
    time_path: tuple[str, ...] = ()
    challenge_type: str | None = None

    @property
    def signs_timestamp(self) -> bool:
        """Whether the signature covers the time of sending."""
        return b"%(timestamp)b" in self.signed

    @property
    def signs_id(self) -> bool:
        """Whether the signature covers the id in the headers."""
        return b"%(id)b" in self.signed


SCHEMES = {
    "standard": Scheme(
        headers=(
            {b"webhook-signature": "signature", b"webhook-timestamp": "timestamp", b"webhook-id": "id"},
            {b"svix-signature": "signature", b"svix-timestamp": "timestamp", b"svix-id": "id"},
        ),
        signed=b"%(id)b.%(timestamp)b.%(body)b",
        spelling=as_base64,
        prefix=b"v1,",
        separator=b" ",
        key_of=decode_secret,
        type_path=("type",),
        time_path=("timestamp",),
    ),
    "stripe": Scheme(
        headers=({b"stripe-signature": "signature"},),
        signed=b"%(timestamp)b.%(body)b",
        prefix=b"v1=",
        separator=b",",
        timestamp_prefix=b"t=",
        id_path=("id",),
        type_path=("type",),
        time_path=("created",),
    ),
    "github": Scheme(
        headers=({b"x-hub-signature-256": "signature", b"x-github-delivery": "id", b"x-github-event": "type"},),
        prefix=b"sha256=",
    ),
    "shopify": Scheme(
        headers=({b"x-shopify-hmac-sha256": "signature", b"x-shopify-event-id": "id", b"x-shopify-topic": "type"},),
        spelling=as_base64,
    ),
    "slack": Scheme(
        headers=({b"x-slack-signature": "signature", b"x-slack-request-timestamp": "timestamp"},),
        signed=b"v0:%(timestamp)b:%(body)b",
        prefix=b"v0=",
        id_path=("event_id",),
        type_path=("event", "type"),
        time_path=("event_time",),
        challenge_type="url_verification",
    ),
}


def scheme_of(provider: str) -> Scheme:
    """Give the scheme of a provider: it is called by its scheme, or by that and a name, as in `standard-billing`.

    Raises:
        ConfigurationError: no scheme is called so.
    """
    scheme = SCHEMES.get(provider.partition("-")[0])
    if scheme is None:
        raise ConfigurationError(f"no webhook scheme of that name; there are {', '.join(SCHEMES)}")
    return scheme


class Refused(msgspec.Struct, frozen=True):
    """Why a request is not what it claims to be. The reason quotes nothing of it.

    Attributes:
        status: 400 for what no sender writes, 401 for what the sender cannot have written.
        reason: One line.
    """

    status: int
    reason: str


class Claim(msgspec.Struct, frozen=True):
    """What the headers claim. Nothing of it is believed yet."""

    signatures: Sequence[bytes]
    timestamp: bytes = b""
    id: bytes = b""
    type: bytes = b""


def offered(scheme: Scheme, header: bytes) -> Claim | Refused:
    """Read the signature header: the signatures it offers, without their prefix, and the timestamp if it is in there.

    A token with another prefix is passed over, but counts: more than 16 besides the timestamp are refused with 400, and
    so is a second timestamp. Where the scheme has no separator the whole header is one token.
    """
    tokens = [header] if scheme.separator is None else header.split(scheme.separator, MAX_SIGNATURES + 1)
    timestamps: list[bytes] = []
    if scheme.timestamp_prefix is not None:
        timestamps = [token for token in tokens if token.startswith(scheme.timestamp_prefix)]
    if len(timestamps) > 1:
        return Refused(400, "the signature header holds two timestamps")
    if len(tokens) - len(timestamps) > MAX_SIGNATURES:
        return Refused(400, f"more than {MAX_SIGNATURES} signatures")
    skip = len(scheme.prefix)
    signatures = [token[skip:] for token in tokens if token.startswith(scheme.prefix)]
    timestamp = timestamps[0].removeprefix(scheme.timestamp_prefix or b"") if timestamps else b""
    return Claim(signatures, timestamp)


def is_name(value: bytes) -> bool:
    """Say whether *value* is one word of 1 to 200 bytes of printable ASCII."""
    return _name(value) is not None


def pick_headers(scheme: Scheme, headers: Headers) -> dict[str, bytes] | Refused:
    """Find the headers that matter, by their role. Header names come in lower case, as ASGI gives them.

    The first set of names that has a signature counts, alone; when none has, the request is refused with 401. Two
    headers of a set for one role are refused with 400, equal or not, and so is an id or a type that is no name.
    """
    for names in scheme.headers:
        found: dict[str, bytes] = {}
        for name, value in headers:
            if (role := names.get(name)) is not None:
                if role in found:
                    return Refused(400, f"two {role} headers")
                found[role] = value
        if "signature" in found:
            break
    else:
        return Refused(401, "no signature header")
    for role in ("id", "type"):
        if role in found and not is_name(found[role]):
            return Refused(400, f"the {role} header is not one word of printable ASCII")
    return found


def read_claim(scheme: Scheme, headers: Headers) -> Claim | Refused:
    """Read everything that the headers claim."""
    found = pick_headers(scheme, headers)
    if isinstance(found, Refused):
        return found
    claim = offered(scheme, found["signature"])
    if isinstance(claim, Refused):
        return claim
    return Claim(
        claim.signatures, found.get("timestamp", claim.timestamp), found.get("id", b""), found.get("type", b"")
    )


def event_key(scheme: Scheme, event_id: str | None, event_type: str | None, body: bytes) -> str:
    """Give the key by which an event is known again.

    It is the event's id, where the sender has signed that: in the body or in the headers. Else nobody knows who wrote
    the id, and the key is what is signed: `sha256:` and the hash of the body in hexadecimal, after the type and a
    colon if there is one, since a provider may send one body under two types.
    """
    if event_id is not None and (scheme.signs_id or scheme.id_path):
        return event_id
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    return f"{event_type}:{digest}" if event_type else digest


class Verified(msgspec.Struct, frozen=True):
    """A request whose body its provider has signed.

    Attributes:
        provider: As in its address and in the settings.
        received_at: When it was verified.
        id: From the headers; signed only if the scheme says so. None where the body has it.
        type: From the headers, never signed. None where the body has it.
    """

    provider: str
    received_at: datetime
    id: str | None = None
    type: str | None = None
