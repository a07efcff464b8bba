"""Leaves the type out: orders/paid with the body of orders/create is dropped as a repetition."""
#| exercise: m02-02-ex3
#| caught by: test_ex3_two_types_are_two_events
def event_key(scheme: Scheme, event_id: str | None, event_type: str | None, body: bytes) -> str:
    if event_id is not None and (scheme.signs_id or scheme.id_path):
        return event_id
    return f"sha256:{hashlib.sha256(body).hexdigest()}"
