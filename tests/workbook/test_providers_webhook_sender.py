"""The sender signs as each provider's documentation says."""

import asyncio
import base64
import hashlib
import hmac
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest

from workbook.providers.webhook_sender import SECRETS, Delivery, load_deliveries, send, sign

NOW = datetime(2026, 3, 2, 12, 0, 0, 700_000, tzinfo=UTC)


def delivery(provider: str, body: bytes) -> Delivery:
    return Delivery(provider, "id", 1, NOW, {"X-Own": "1"}, body)


def test_githubs_published_vector() -> None:
    headers = sign(delivery("github", b"Hello, World!"), "It's a Secret to Everybody", NOW)
    expected = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert headers == {"X-Own": "1", "X-Hub-Signature-256": expected}


def test_slacks_published_vector() -> None:
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    at = datetime.fromtimestamp(1531420618, tz=UTC)
    headers = sign(delivery("slack", body), "8f742231b10e8888abcd99yyyzzz85a5", at)
    assert headers["X-Slack-Request-Timestamp"] == "1531420618"
    assert headers["X-Slack-Signature"] == "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"


def test_stripe_signs_the_second_and_the_body() -> None:
    body = '{\n  "name": "Zoë 🎉"\n}'.encode()
    header = sign(delivery("stripe", body), "whsec_x", NOW)["Stripe-Signature"]
    parts = dict(part.split("=", 1) for part in header.split(","))
    assert parts["t"] == "1772452800"
    signed = parts["t"].encode() + b"." + body
    assert parts["v1"] == hmac.new(b"whsec_x", signed, hashlib.sha256).hexdigest()


def test_shopify_signs_in_base64() -> None:
    header = sign(delivery("shopify", b"{}"), "hush", NOW)["X-Shopify-Hmac-SHA256"]
    assert base64.b64decode(header, validate=True) == hmac.digest(b"hush", b"{}", "sha256")


@pytest.mark.parametrize("provider", sorted(SECRETS))
def test_a_body_byte_changes_the_signature_and_only_two_providers_sign_the_time(provider: str) -> None:
    one = delivery(provider, b'{"a":1}')
    assert sign(one, "s", NOW) != sign(replace(one, body=b'{"a": 1}'), "s", NOW)
    assert sign(one, "s", NOW) != sign(one, "t", NOW)
    later = datetime(2026, 3, 3, tzinfo=UTC)
    assert (sign(one, "s", NOW) != sign(one, "s", later)) is (provider in ("stripe", "slack"))


def test_an_unknown_provider_is_named() -> None:
    with pytest.raises(ValueError, match="no provider 'paypal'; there are: stripe"):
        sign(delivery("paypal", b""), "s", NOW)


def test_sending_puts_the_stored_bytes_on_the_wire() -> None:
    seen: list[httpx.Request] = []

    def receiver(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(202)

    async def send_some(deliveries: list[Delivery]) -> list[int]:
        async with httpx.AsyncClient(transport=httpx.MockTransport(receiver)) as client:
            return [(await send(client, "http://receiver/", each, now=NOW)).status_code for each in deliveries]

    deliveries = load_deliveries()
    assert asyncio.run(send_some(deliveries[:200])) == [202] * 200
    for request, each in zip(seen, deliveries, strict=False):
        assert request.url.path == f"/webhooks/{each.provider}"
        assert request.content == each.body
        for name, value in sign(each, SECRETS[each.provider], NOW).items():
            assert request.headers[name] == value
