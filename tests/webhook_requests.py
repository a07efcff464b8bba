"""Requests as the providers send them, signed here by the book and not by the code under test."""

import base64
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime

from ingestion.webhooks.keyring import load_secrets
from ingestion.webhooks.verifier import Verifier

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
NOW_S = int(NOW.timestamp())
KEY = b"0123456789abcdef0123456789abcdef"
OTHER_KEY = b"fedcba9876543210fedcba9876543210"

Headers = list[tuple[bytes, bytes]]


def standard(body: bytes, key: bytes = KEY, at_s: bytes | int = NOW_S, event_id: bytes = b"msg_1") -> Headers:
    at = at_s if isinstance(at_s, bytes) else b"%d" % at_s
    digest = hmac.digest(key, event_id + b"." + at + b"." + body, "sha256")
    signature = b"v1," + base64.b64encode(digest)
    return [(b"webhook-id", event_id), (b"webhook-timestamp", at), (b"webhook-signature", signature)]


def stripe(body: bytes, key: bytes = KEY, at_s: bytes | int = NOW_S) -> Headers:
    at = at_s if isinstance(at_s, bytes) else b"%d" % at_s
    signature = hmac.new(key, at + b"." + body, "sha256").hexdigest().encode()
    return [(b"stripe-signature", b"t=" + at + b",v1=" + signature)]


def github(body: bytes, key: bytes = KEY, event_id: bytes = b"72d3162e", event_type: bytes = b"issues") -> Headers:
    signature = hmac.new(key, body, "sha256").hexdigest().encode()
    return [
        (b"x-github-delivery", event_id),
        (b"x-github-event", event_type),
        (b"x-hub-signature-256", b"sha256=" + signature),
    ]


def shopify(
    body: bytes, key: bytes = KEY, event_id: bytes = b"98880550", event_type: bytes = b"orders/create"
) -> Headers:
    signature = base64.b64encode(hmac.digest(key, body, "sha256"))
    return [
        (b"x-shopify-topic", event_type),
        (b"x-shopify-event-id", event_id),
        (b"x-shopify-hmac-sha256", signature),
    ]


def slack(body: bytes, key: bytes = KEY, at_s: bytes | int = NOW_S) -> Headers:
    at = at_s if isinstance(at_s, bytes) else b"%d" % at_s
    signature = hmac.new(key, b"v0:" + at + b":" + body, "sha256").hexdigest().encode()
    return [(b"x-slack-request-timestamp", at), (b"x-slack-signature", b"v0=" + signature)]


SENDERS: dict[str, Callable[..., Headers]] = {
    "standard": standard,
    "stripe": stripe,
    "github": github,
    "shopify": shopify,
    "slack": slack,
}
TIMED = ("standard", "stripe", "slack")
SIGNATURE_HEADER = {
    "standard": b"webhook-signature",
    "stripe": b"stripe-signature",
    "github": b"x-hub-signature-256",
    "shopify": b"x-shopify-hmac-sha256",
    "slack": b"x-slack-signature",
}


def secret_text(provider: str, key: bytes = KEY) -> str:
    """The secret as an operator is shown it."""
    return "whsec_" + base64.b64encode(key).decode() if provider == "standard" else key.decode()


def verifier(provider: str, *keys: bytes, now: datetime = NOW) -> Verifier:
    """A verifier at the time *now*, with secrets told as the setting tells them."""
    secrets = load_secrets(json.dumps({provider: [secret_text(provider, key) for key in keys or (KEY,)]}))
    return Verifier.of(provider, secrets[provider], clock=lambda: now)


def replaced(headers: Headers, name: bytes, value: bytes) -> Headers:
    """The headers with one of them changed."""
    return [(each, value if each == name else old) for each, old in headers]
