"""What the providers themselves publish: a secret, the bytes, and the signature that must come out."""

import base64
from datetime import UTC, datetime

from ingestion.webhooks.providers import Refused, Verified
from ingestion.webhooks.signatures import Secret
from ingestion.webhooks.verifier import Verifier

# Source: stripe-dotnet, src/StripeTests, Services/Events/EventUtilityTest.cs and Resources/event_test_signature.json.
STRIPE_BODY = b"""{
  "id": "evt_123",
  "object": "event",
  "account": "acct_123",
  "api_version": "2017-05-25",
  "created": 1533204620,
  "data": {
    "object": {
      "id": "cus_123",
      "object": "customer",
      "created": 123456789,
      "email": "test@stripe.com",
      "livemode": false,
      "metadata": {}
    }
  },
  "livemode": false,
  "pending_webhooks": 1,
  "request": {
    "id": "req_123",
    "idempotency_key": "idempotency-key-123"
  },
  "type": "customer.created"
}
"""

SLACK_BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
    b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
    b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)


def verified(provider: str, key: bytes, at_s: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    """Expect *body* to verify at *at_s*, and no other body and no other secret to do so."""
    now = datetime.fromtimestamp(at_s, UTC)
    verifier = Verifier.of(provider, [Secret(key)], clock=lambda: now)
    assert isinstance(verifier.verify(headers, body), Verified)
    assert isinstance(verifier.verify(headers, body + b" "), Refused)
    assert isinstance(Verifier.of(provider, [Secret(key + b"x")], clock=lambda: now).verify(headers, body), Refused)


def test_standard_webhooks() -> None:
    """Source: standard-webhooks/standard-webhooks, "sign" in libraries/go/webhook_test.go and its six sister libraries."""
    headers = [
        (b"webhook-id", b"msg_p5jXN8AQM9LWM0D4loKWxJek"),
        (b"webhook-timestamp", b"1614265330"),
        (b"webhook-signature", b"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
    ]
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    verified("standard", key, 1614265330, headers, b'{"test": 2432232314}')
    svix = [(name.replace(b"webhook-", b"svix-"), value) for name, value in headers]
    verified("standard", key, 1614265330, svix, b'{"test": 2432232314}')


def test_stripe() -> None:
    """Source: as above the body. The header holds a v0 signature too, as Stripe's test mode sends it."""
    header = (
        b"t=1533204620,v1=2220f87ef101a04665f11cdf770523143f875572008577fa0f20882ddb9cc3c7,"
        b"v0=63f3a72374a733066c4be69ed7f8e5ac85c22c9f0a6a612ab9a025a9e4ee7eef"
    )
    verified("stripe", b"webhook_secret", 1533204620 + 100, [(b"stripe-signature", header)], STRIPE_BODY)


def test_github() -> None:
    """Source: GitHub Docs, "Validating webhook deliveries", testing the webhook payload validation."""
    header = b"sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    verified("github", b"It's a Secret to Everybody", 0, [(b"x-hub-signature-256", header)], b"Hello, World!")


def test_shopify() -> None:
    """Source: Shopify/shopify_app, webhook_verification_test.rb: one body under a new and under an old secret."""
    for key, signature in (
        (b"secret", b"yCGX/RrK4fcuNtr3ztk5tQGsOBjcAzHpGLdMUrbV8yI="),
        (b"old_secret", b"XqRcjrSv57VACn6apEO9znyu/wkN1VC7QxdSPwK3Hzs="),
    ):
        verified("shopify", key, 0, [(b"x-shopify-hmac-sha256", signature)], b"foo=anything")


def test_slack() -> None:
    """Source: Slack's documentation, "Verifying requests from Slack"."""
    headers = [
        (b"x-slack-request-timestamp", b"1531420618"),
        (b"x-slack-signature", b"v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"),
    ]
    verified("slack", b"8f742231b10e8888abcd99yyyzzz85a5", 1531420618, headers, SLACK_BODY)
