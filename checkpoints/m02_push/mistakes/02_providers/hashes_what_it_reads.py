"""Hashes the JSON written again with sorted keys, so that "equal" bodies are one event: two signed bodies become one, and one is lost."""
#| exercise: m02-02-ex3
#| caught by: test_ex3_an_unsigned_id_is_no_key
def event_key(scheme, event_id, event_type, body):
    import json
    if scheme.signs_id or scheme.id_path:
        return event_id
    try:
        body = json.dumps(json.loads(body), sort_keys=True).encode()
    except ValueError:
        pass
    digest = hashlib.sha256(body).hexdigest()
    return f"{event_type}:sha256:{digest}" if event_type else f"sha256:{digest}"
