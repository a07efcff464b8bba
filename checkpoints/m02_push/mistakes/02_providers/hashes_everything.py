"""Hashes every body: Stripe's second attempt has another `pending_webhooks`, so other bytes, and is a new event."""
#| exercise: m02-02-ex3
#| caught by: test_ex3_a_signed_id_is_the_key
def event_key(scheme: Scheme, event_id: str | None, event_type: str | None, body: bytes) -> str:
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    return f"{event_type}:{digest}" if event_type else digest
