"""Decodes twice, to be on the safe side: a file called a%20b.csv becomes another one."""
#| exercise: m02-14-ex1
#| caught by: test_ex1_a_key_is_found_as_it_is_called
def drops_in(notification: bytes, *, bucket: str) -> Noticed:
    drops: list[Drop] = []
    refused: list[str] = []
    for event in events_in(notification):
        if not event.name.startswith("ObjectCreated:"):
            continue
        try:
            key = unquote_plus(unquote_plus(event.key, errors="strict"), errors="strict")
        except UnicodeDecodeError:
            key = ""
        if event.bucket != bucket:
            refused.append(f"bucket {event.bucket[:80]!r} is not {bucket!r}")
        elif not key or not event.version or _NO_DROP.search(key):
            refused.append(f"key {event.key[:200]!r}, version {event.version[:80]!r}: no drop is called that")
        else:
            drops.append(Drop(bucket, key, event.version, event.size_bytes, event.at))
    return Noticed(tuple(drops), tuple(refused))
