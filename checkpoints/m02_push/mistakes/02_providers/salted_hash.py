"""Uses hash(): quick, and different in every process, so that each worker has events of its own."""
#| exercise: m02-02-ex3
#| caught by: test_ex3_two_types_are_two_events
def event_key(scheme: Scheme, event_id: str | None, event_type: str | None, body: bytes) -> str:
    if event_id is not None and (scheme.signs_id or scheme.id_path):
        return event_id
    return f"{event_type}:sha256:{hash(body):x}"
