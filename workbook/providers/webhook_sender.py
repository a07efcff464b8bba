"""Send the stored webhook deliveries, each signed as its provider would sign it at that moment.

Deliveries are stored unsigned, since a signature with a time in it goes stale in minutes. A body goes out in
the very bytes that are stored: a signature is over bytes, and senders spell the same JSON differently.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx
import orjson

__all__ = ["FIXTURE", "SECRETS", "Delivery", "load_deliveries", "send", "sign"]

FIXTURE = Path(__file__).resolve().parents[2] / "data" / "webhooks" / "deliveries.ndjson"

SECRETS = {
    "stripe": "whsec_d29ya2Jvb2stc3RyaXBlLXNlY3JldA",
    "github": "workbook-github-secret-0123456789",
    "shopify": "workbook-shopify-secret-0123456789",
    "slack": "8a1b2c3d4e5f60718293a4b5c6d7e8f9",
}
"""The secrets that the course shares with its providers: test values, good for nothing else."""


@dataclass(frozen=True)
class Delivery:
    """One delivery as its provider attempts it.

    Attributes:
        provider: `stripe`, `github`, `shopify` or `slack`.
        event_id: The event; deliveries of one event share it.
        attempt: 1 for the first; a later one may well arrive before it.
        sent_at: When the provider first sent this attempt.
        headers: What the provider sends besides its signature.
        body: The exact bytes.
    """

    provider: str
    event_id: str
    attempt: int
    sent_at: datetime
    headers: dict[str, str]
    body: bytes


def load_deliveries(path: Path = FIXTURE) -> list[Delivery]:
    """The stored deliveries in their order of arrival."""
    return [_delivery(line) for line in path.read_bytes().splitlines()]


def sign(delivery: Delivery, secret: str, now: datetime) -> dict[str, str]:
    """The headers to send: the delivery's own, and its provider's signature over the body.

    Args:
        delivery: What to sign.
        secret: The secret shared with the receiver; for Stripe the whole `whsec_...` string.
        now: The time of sending, which Stripe and Slack sign too.

    Raises:
        ValueError: No such provider.
    """
    if delivery.provider not in _SIGNERS:
        raise ValueError(f"no provider {delivery.provider!r}; there are: {', '.join(_SIGNERS)}")
    signature = _SIGNERS[delivery.provider](delivery.body, secret.encode(), int(now.timestamp()))
    return {**delivery.headers, **signature}


async def send(
    client: httpx.AsyncClient,
    base_url: str,
    delivery: Delivery,
    *,
    now: datetime,
    secret: str | None = None,
) -> httpx.Response:
    """Post the delivery to `{base_url}/webhooks/{provider}`, signed; gives the receiver's answer.

    Args:
        client: The client to send with; its time-out is the provider's patience.
        base_url: The receiver.
        delivery: What to send.
        now: The time of sending.
        secret: The shared secret; the course's own for that provider if left out.

    Raises:
        httpx.TransportError: The receiver can't be reached, or breaks off.
    """
    url = f"{base_url.rstrip('/')}/webhooks/{delivery.provider}"
    headers = sign(delivery, secret or SECRETS[delivery.provider], now)
    return await client.post(url, content=delivery.body, headers=headers)


def _delivery(line: bytes) -> Delivery:
    stored = orjson.loads(line)
    return Delivery(
        provider=stored["provider"],
        event_id=stored["event_id"],
        attempt=stored["attempt"],
        sent_at=datetime.fromisoformat(stored["sent_at"]),
        headers=stored["headers"],
        body=stored["body"].encode(),
    )


def _stripe(body: bytes, secret: bytes, epoch_s: int) -> dict[str, str]:
    """Source: https://docs.stripe.com/webhooks#verify-manually."""
    signature = hmac.new(secret, b"%d." % epoch_s + body, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={epoch_s},v1={signature}"}


def _github(body: bytes, secret: bytes, _epoch_s: int) -> dict[str, str]:
    """Source: https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries."""
    return {"X-Hub-Signature-256": f"sha256={hmac.new(secret, body, hashlib.sha256).hexdigest()}"}


def _shopify(body: bytes, secret: bytes, _epoch_s: int) -> dict[str, str]:
    """Source: https://shopify.dev/docs/apps/build/webhooks/subscribe/https."""
    digest = hmac.new(secret, body, hashlib.sha256).digest()
    return {"X-Shopify-Hmac-SHA256": base64.b64encode(digest).decode()}


def _slack(body: bytes, secret: bytes, epoch_s: int) -> dict[str, str]:
    """Source: https://docs.slack.dev/authentication/verifying-requests-from-slack."""
    signature = hmac.new(secret, b"v0:%d:" % epoch_s + body, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": str(epoch_s), "X-Slack-Signature": f"v0={signature}"}


_SIGNERS: dict[str, Callable[[bytes, bytes, int], dict[str, str]]] = {
    "stripe": _stripe,
    "github": _github,
    "shopify": _shopify,
    "slack": _slack,
}
