"""From a verified request to the record of its event, or to a reject with the very bytes."""

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from ingestion.record import Record, Reject, canonical_json
from ingestion.webhooks.events import STREAM, challenge_of, event_of
from ingestion.webhooks.providers import Verified
from tests.webhook_requests import NOW, SENDERS, verifier
from workbook.providers.webhook_sender import load_deliveries


def received(provider: str, body: bytes, **options: Any) -> Record | Reject:
    answer = verifier(provider).verify(SENDERS[provider](body, **options), body)
    assert isinstance(answer, Verified)
    return event_of(answer, body)


def record(provider: str, body: bytes, **options: Any) -> Record:
    event = received(provider, body, **options)
    assert isinstance(event, Record), event
    return event


def test_the_payload_is_canonical() -> None:
    body = b'{ "type": "a.b", "n": 123456789012345678901234567890, "x": 1.50, "name": "Zo\\u00eb" }'
    event = record("standard", body)
    assert (event.source, event.stream, event.key) == ("standard", STREAM, "msg_1")
    assert event.payload == canonical_json({"id": "msg_1", "type": "a.b", "data": json.loads(body)})
    assert event.content_hash == hashlib.sha256(event.payload).digest()


def test_where_each_provider_says_what_happened_and_when() -> None:
    at = datetime(2026, 3, 1, 10, tzinfo=UTC)
    at_s = int(at.timestamp())
    stripe = record("stripe", json.dumps({"id": "evt_1", "type": "charge.failed", "created": at_s}).encode())
    assert (stripe.key, stripe.data()["type"], stripe.occurred_at) == ("evt_1", "charge.failed", at)
    slack = record("slack", json.dumps({"event_id": "Ev1", "event": {"type": "pin"}, "event_time": at_s}).encode())
    assert (slack.key, slack.data()["type"], slack.occurred_at) == ("Ev1", "pin", at)
    spelled = json.dumps({"type": "a", "timestamp": "2026-03-01T11:00:00+01:00"}).encode()
    standard = record("standard", spelled)
    assert (standard.key, standard.occurred_at) == ("msg_1", at)
    assert standard.occurred_at.utcoffset() == timedelta(hours=1)
    github = record("github", b"{}", event_type=b"push")
    assert (github.data()["id"], github.data()["type"], github.occurred_at) == ("72d3162e", "push", NOW)
    shopify = record("shopify", b"{}")
    assert (shopify.data()["id"], shopify.data()["type"], shopify.occurred_at) == ("98880550", "orders/create", NOW)


@pytest.mark.parametrize(
    "when",
    [
        '"0001-01-01T00:00:00+14:00"',
        '"9999-12-31T23:59:59-14:00"',
        "253402300800",
        '"yesterday"',
        '"2026-03-01T10:00:00"',
        "1e9",
        "null",
        "99999999999999999999",
        "true",
        "{}",
    ],
)
def test_an_unreadable_time_costs_nothing(when: str) -> None:
    assert record("stripe", f'{{"id": "e", "created": {when}}}'.encode()).occurred_at == NOW
    assert record("standard", f'{{"timestamp": {when}}}'.encode()).occurred_at == NOW


@pytest.mark.parametrize("provider", ["github", "shopify"])
def test_an_id_that_nobody_signed_is_no_key(provider: str) -> None:
    """R7: one body with a new id is the same event; the same body of another type is another."""
    body = b'{"order":1}'
    one = record(provider, body, event_id=b"first", event_type=b"orders/create")
    again = record(provider, body, event_id=b"second", event_type=b"orders/create")
    assert one.key == again.key == f"orders/create:sha256:{hashlib.sha256(body).hexdigest()}"
    assert again.data()["id"] == "second"
    other_type = record(provider, body, event_id=b"first", event_type=b"orders/paid")
    other_body = record(provider, body + b" ", event_id=b"first", event_type=b"orders/create")
    assert len({one.key, other_type.key, other_body.key}) == 3


def test_an_id_that_was_signed_is_the_key() -> None:
    """Another attempt at one Stripe event has another body, and is the same event."""
    keys = {record("stripe", b'{"id":"evt_1","pending_webhooks":%d}' % pending).key for pending in (1, 2)}
    assert keys == {"evt_1"}


def test_the_stored_deliveries_are_as_many_events_as_the_data_says() -> None:
    verified = {provider: verifier(provider).verify(SENDERS[provider](b"{}"), b"{}") for provider in SENDERS}
    events = set()
    for delivery in load_deliveries():
        answer = verified[delivery.provider]
        assert isinstance(answer, Verified)
        event_type = delivery.headers.get("X-GitHub-Event") or delivery.headers.get("X-Shopify-Topic")
        event = event_of(Verified(delivery.provider, NOW, delivery.event_id, event_type), delivery.body)
        assert isinstance(event, Record)
        events.add((event.source, event.key))
    assert len(events) == 1425


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b" ", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b'{"a":"\xff"}', "not UTF-8"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b'{"a":NaN}', "not JSON"),
        (b'{"a":Infinity}', "not JSON"),
        (b'{"a":1e400}', "not JSON"),
        (b'{"a":"\\u0000"}', "NUL"),
        (b'{"\\u0000":1}', "NUL"),
        (b'{"a":"\\\\\\u0000"}', "NUL"),
        (b'{"a":"\x00"}', "not JSON"),
        (b'{"a":"\\ud800"}', "not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
        (b"{} {}", "not JSON"),
        (b"payload=%7B%7D", "not JSON"),
    ],
    ids=lambda value: repr(value[:20]),
)
def test_what_is_no_json_is_kept_byte_for_byte(body: bytes, reason: str) -> None:
    """R17, for every provider."""
    for provider in SENDERS:
        event = received(provider, body)
        assert isinstance(event, Reject)
        assert (event.source, event.stream, event.raw) == (provider, STREAM, body)
        assert reason in event.reason
        assert "\n" not in event.reason


def test_an_escaped_backslash_before_u0000_is_no_nul() -> None:
    assert record("github", b'{"a":"\\\\u0000"}').data()["data"] == {"a": "\\u0000"}


@pytest.mark.parametrize("depth", [100, 500, 900])
def test_nesting_that_json_can_hold_is_kept_or_parked(depth: int) -> None:
    body = b"[" * depth + b"]" * depth
    event = received("github", body)
    assert isinstance(event, Record) or event.raw == body


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'"evt_1"',
        b"null",
        b"{}",
        b'{"id":null}',
        b'{"id":7}',
        b'{"id":""}',
        b'{"id":["x"]}',
        b'{"id":"%s"}' % (b"x" * 201),
    ],
)
def test_a_body_that_should_name_its_event_and_does_not_is_parked(body: bytes) -> None:
    event = received("stripe", body)
    assert isinstance(event, Reject)
    assert (event.raw, event.reason) == (body, "the body has no id of 1 to 200 characters")
    assert isinstance(received("slack", body), Reject)


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"null", b"7"])
def test_a_body_need_be_no_object_where_nothing_is_read_from_it(body: bytes) -> None:
    for provider in ("github", "shopify", "standard"):
        assert record(provider, body).data()["data"] == json.loads(body)


def test_a_fixed_offset_survives() -> None:
    body = b'{"timestamp":"2026-03-01T11:00:00.5+05:30"}'
    wanted = datetime(2026, 3, 1, 11, 0, 0, 500_000, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert record("standard", body).occurred_at == wanted


def test_slacks_first_request_wants_its_challenge_back() -> None:
    """Source: Slack's documentation, "url_verification event"."""
    body = b'{"token":"Jhj5dZrVaK7ZwHHjRyZWjbDl","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P","type":"url_verification"}'
    answer = verifier("slack").verify(SENDERS["slack"](body), body)
    assert isinstance(answer, Verified)
    assert challenge_of(answer, body) == "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"


@pytest.mark.parametrize(
    "body",
    [
        b'{"type":"event_callback","event_id":"Ev1","event":{"type":"message","text":"url_verification"},"challenge":"x"}',
        b'{"event_id":"Ev1","event":{"type":"url_verification"},"challenge":"x"}',
        b'{"type":"url_verification"}',
        b'{"type":"url_verification","challenge":7}',
        b'{"type":"url_verification","challenge":"\\u0000"}',
        b'["url_verification"]',
        b'{"url_verification',
        b"",
    ],
)
def test_nothing_else_is_a_challenge(body: bytes) -> None:
    assert challenge_of(Verified("slack", NOW), body) is None


def test_nobody_else_sends_one() -> None:
    body = b'{"type":"url_verification","challenge":"x"}'
    assert challenge_of(Verified("slack-eu", NOW), body) == "x"
    for provider in set(SENDERS) - {"slack"}:
        assert challenge_of(Verified(provider, NOW), body) is None
