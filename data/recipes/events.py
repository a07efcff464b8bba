"""The events that the four webhook providers tell of, in each provider's shape and spelling."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from data.recipes.draw import Draw
from data.recipes.instants import spell
from data.recipes.people import CITIES, NAMES, SENTENCES
from data.recipes.spelling import as_php, as_pretty, as_rails, compact

__all__ = ["Event", "github_event", "shopify_event", "slack_event", "stripe_event"]

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
HEX = "0123456789abcdef"
UPPER36 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

_STRIPE_TYPES = ("charge.succeeded", "charge.failed", "charge.refunded", "charge.dispute.created")
_GITHUB_ACTIONS = ("opened", "closed", "reopened", "edited", "labeled")
_SHOPIFY_TOPICS = ("orders/create", "orders/updated", "orders/paid", "refunds/create")


@dataclass(frozen=True)
class Event:
    """One thing that happened, ready to be delivered any number of times."""

    provider: str
    event_id: str
    happened_at: datetime
    headers: dict[str, str]
    body: str


def stripe_event(draw: Draw, at: datetime) -> Event:
    """A charge, told by Stripe: the id is in the body, and so under the signature."""
    event_id = f"evt_1{draw.text(BASE62, 23)}"
    kind = draw.pick(_STRIPE_TYPES)
    body = {
        "id": event_id,
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": int(at.timestamp()),
        "data": {
            "object": {
                "id": f"ch_3{draw.text(BASE62, 23)}",
                "object": "charge",
                "amount": draw.between(50, 900_000),
                "billing_details": {"name": draw.pick(NAMES), "address": {"city": draw.pick(CITIES)}},
                "currency": draw.pick(("eur", "usd", "jpy", "kwd")),
                "description": draw.pick(SENTENCES) or None,
                "paid": kind != "charge.failed",
                "status": "failed" if kind == "charge.failed" else "succeeded",
            }
        },
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": f"req_{draw.text(BASE62, 14)}", "idempotency_key": None},
        "type": kind,
    }
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
    }
    return Event("stripe", event_id, at, headers, as_pretty(body))


def github_event(draw: Draw, at: datetime) -> Event:
    """An issue, told by GitHub: the id is in a header that nobody signs."""
    parts = (draw.text(HEX, length) for length in (8, 4, 4, 4, 12))
    delivery_id, number = "-".join(parts), draw.between(1, 99_999)
    body: dict[str, Any] = {
        "action": draw.pick(_GITHUB_ACTIONS),
        "issue": {
            "id": draw.between(10**9, 4 * 10**9),
            "number": number,
            "title": draw.pick(SENTENCES) or "No title",
            "user": {"login": f"dev-{draw.between(1, 99)}", "type": "User"},
            "html_url": f"https://github.com/acme/shop/issues/{number}",
            "updated_at": spell(at.replace(microsecond=0), digits=0, offset_minutes=None),
        },
        "repository": {"id": 1296269, "full_name": "acme/shop", "private": True},
        "sender": {"login": draw.pick(NAMES), "id": draw.between(1, 10**8)},
    }
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/044aadd",
        "X-GitHub-Delivery": delivery_id,
        "X-GitHub-Event": "issues",
        "X-GitHub-Hook-ID": "292430182",
    }
    return Event("github", delivery_id, at, headers, compact(body))


def shopify_event(draw: Draw, at: datetime) -> Event:
    """An order, told by Shopify: both ids are in headers that nobody signs; money is a decimal string."""
    event_id, topic = _uuid(draw), draw.pick(_SHOPIFY_TOPICS)
    cents = draw.between(-20_000, 500_000)
    body = {
        "id": draw.between(10**12, 10**13),
        "created_at": spell(at.replace(microsecond=0), digits=0, offset_minutes=-300),
        "currency": draw.pick(("EUR", "USD", "CAD")),
        "total_price": f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}",
        "customer": {"first_name": draw.pick(NAMES), "note": draw.pick((*SENTENCES, "Salt & <Pepper>"))},
        "line_items": [
            {"sku": f"{draw.text(UPPER36, 6)}", "quantity": draw.between(1, 9), "title": draw.pick(NAMES)}
            for _ in range(draw.between(1, 3))
        ],
    }
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Shopify-Captain-Hook",
        "X-Shopify-API-Version": "2026-10",
        "X-Shopify-Event-Id": event_id,
        "X-Shopify-Shop-Domain": "acme.myshopify.com",
        "X-Shopify-Topic": topic,
        "X-Shopify-Triggered-At": spell(at, digits=6, offset_minutes=None),
        "X-Shopify-Webhook-Id": _uuid(draw),
    }
    return Event("shopify", event_id, at, headers, as_rails(body))


def slack_event(draw: Draw, at: datetime) -> Event:
    """A message, told by Slack: the id is in the body, and so under the signature."""
    event_id, user = f"Ev{draw.text(UPPER36, 9)}", f"U{draw.text(UPPER36, 8)}"
    stamp = f"{int(at.timestamp())}.{draw.below(10**6):06d}"
    body = {
        "token": "verification-token-that-nobody-should-use",
        "team_id": "T1DC2JH3J",
        "api_app_id": "A0KRD7HC3",
        "event": {
            "type": draw.pick(("message", "app_mention", "reaction_added")),
            "user": user,
            "text": f"<@{user}> {draw.pick(SENTENCES)} {draw.pick(NAMES)}",
            "ts": stamp,
            "channel": f"C{draw.text(UPPER36, 8)}",
            "permalink": f"https://acme.slack.com/archives/C1/p{stamp.replace('.', '')}",
        },
        "type": "event_callback",
        "event_id": event_id,
        "event_time": int(at.timestamp()),
    }
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
    }
    return Event("slack", event_id, at, headers, as_php(body))


def _uuid(draw: Draw) -> str:
    return "-".join(draw.text(HEX, length) for length in (8, 4, 4, 4, 12))
