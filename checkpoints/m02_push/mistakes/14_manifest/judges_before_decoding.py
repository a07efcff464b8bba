"""Looks for dots and slashes in the key as it is told: %2E%2E%2F passes."""
#| exercise: m02-14-ex1
#| caught by: test_ex1_a_key_that_no_drop_has_is_refused
def drops_in(notification: bytes, *, bucket: str) -> Noticed:
    drops: list[Drop] = []
    refused: list[str] = []
    for event in events_in(notification):
        if not event.name.startswith("ObjectCreated:"):
            continue
        try:
            key = unquote_plus(event.key, errors="strict")
        except UnicodeDecodeError:
            key = ""
        if event.bucket != bucket:
            refused.append(f"bucket {event.bucket[:80]!r} is not {bucket!r}")
        elif not key or not event.version or _NO_DROP.search(event.key):
            refused.append(f"key {event.key[:200]!r}, version {event.version[:80]!r}: no drop is called that")
        else:
            drops.append(Drop(bucket, key, event.version, event.size_bytes, event.at))
    return Noticed(tuple(drops), tuple(refused))
