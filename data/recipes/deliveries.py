"""The 1,500 webhook deliveries in the order they arrive: 1,425 events and 75 repetitions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from data.recipes.draw import Draw
from data.recipes.events import Event, github_event, shopify_event, slack_event, stripe_event
from data.recipes.instants import spell

__all__ = ["DELIVERIES", "DUPLICATES", "deliveries"]

DELIVERIES = 1_500
DUPLICATES = 75

_MAKERS: dict[str, tuple[Callable[[Draw, datetime], Event], int, int]] = {
    "stripe": (stripe_event, 475, 25),
    "github": (github_event, 333, 17),
    "shopify": (shopify_event, 380, 20),
    "slack": (slack_event, 237, 13),
}
"""For each provider: how an event is made, how many events there are, and how many repetitions."""

_STARTED_AT = datetime(2026, 3, 2, 0, 0, tzinfo=UTC)
_DAYS = 10
_RETRY_DELAYS_S = ((5, 60), (60, 3_600), (3_600, 86_400), (86_400, 3 * 86_400))
"""A repetition comes seconds, minutes, hours or days later, each as often."""

_OVERTAKEN_IN = 7
"""One repetition in so many arrives before the delivery that it repeats."""


def deliveries(seed: int) -> list[dict[str, Any]]:
    """The deliveries in order of arrival, unsigned: whoever sends one signs it at that moment."""
    arrivals: list[tuple[datetime, dict[str, Any]]] = []
    for provider in _MAKERS:
        arrivals += _of_provider(Draw(seed, f"webhooks/{provider}"), provider)
    arrivals.sort(key=lambda arrival: (arrival[0], arrival[1]["event_id"], arrival[1]["attempt"]))
    return [delivery for _, delivery in arrivals]


def _of_provider(draw: Draw, provider: str) -> list[tuple[datetime, dict[str, Any]]]:
    make, events, repetitions = _MAKERS[provider]
    made = [make(draw, _some_time(draw)) for _ in range(events)]
    arrivals = []
    for event in made:
        sent_at = event.happened_at + timedelta(milliseconds=draw.between(200, 90_000))
        arrivals.append((sent_at, _delivery(event, 1, sent_at)))
    # Every fifth repetition is the second one of its event.
    repeated = draw.shuffled(range(events))[: repetitions - repetitions // 5]
    repeated += repeated[: repetitions // 5]
    attempts = [2 + repeated[:n].count(place) for n, place in enumerate(repeated)]
    last_sent_at = {place: arrivals[place][0] for place in repeated}
    for n, (place, attempt) in enumerate(zip(repeated, attempts, strict=True)):
        low, high = _RETRY_DELAYS_S[n % len(_RETRY_DELAYS_S)]
        sent_at = last_sent_at[place] + timedelta(seconds=draw.between(low, high))
        last_sent_at[place] = sent_at
        overtakes = n % _OVERTAKEN_IN == 0
        arrived_at = arrivals[place][0] - timedelta(seconds=1) if overtakes else sent_at
        arrivals.append((arrived_at, _delivery(_repeated(draw, made[place], n, attempt), attempt, sent_at)))
    return arrivals


def _some_time(draw: Draw) -> datetime:
    return _STARTED_AT + timedelta(seconds=draw.below(_DAYS * 86_400), microseconds=draw.below(1_000_000))


def _delivery(event: Event, attempt: int, sent_at: datetime) -> dict[str, Any]:
    return {
        "provider": event.provider,
        "event_id": event.event_id,
        "attempt": attempt,
        "sent_at": spell(sent_at, digits=6, offset_minutes=None),
        "headers": event.headers,
        "body": event.body,
    }


def _repeated(draw: Draw, event: Event, n: int, attempt: int) -> Event:
    """The event as its provider sends it again: what is new is what that provider renews."""
    headers, body = dict(event.headers), event.body
    if event.provider == "slack":
        headers["X-Slack-Retry-Num"] = str(attempt - 1)
        headers["X-Slack-Retry-Reason"] = draw.pick(("http_timeout", "http_error", "connection_failed"))
    if event.provider == "shopify" and n % 2:  # told to a second subscription: a new webhook id
        headers["X-Shopify-Webhook-Id"] = "-".join(draw.text("0123456789abcdef", k) for k in (8, 4, 4, 4, 12))
    if event.provider == "stripe" and n % 2:  # rendered anew: other bytes, the same event
        body = body.replace('"pending_webhooks": 1', f'"pending_webhooks": {attempt}')
    return Event(event.provider, event.event_id, event.happened_at, headers, body)
