"""Thinks of signed headers only, and forgets that Stripe's and Slack's ids stand in the signed body."""
#| exercise: m02-02-ex3
#| caught by: test_ex3_a_signed_id_is_the_key
def event_key(scheme: Scheme, event_id: str | None, event_type: str | None, body: bytes) -> str:
    if event_id is not None and scheme.signs_id:
        return event_id
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    return f"{event_type}:{digest}" if event_type else digest
