"""Keeps the last entry of each key: under `append` the other version is never loaded."""
#| exercise: m02-14-ex1
#| caught by: test_ex1_a_drop_is_the_whole_identity
def drops_in(notification, *, bucket):
    drops, refused = {}, []
    for e in events_in(notification):
        if not e.name.startswith("ObjectCreated:"):
            continue
        try:
            key = unquote_plus(e.key, errors="strict")
        except UnicodeDecodeError:
            refused.append(f"{e.key!r}: no UTF-8")
            continue
        if e.bucket != bucket or not key or _NO_DROP.search(key) or not e.version:
            refused.append(f"{key!r} refused")
            continue
        drops[key] = Drop(bucket, key, e.version, e.size_bytes, e.at)
    return Noticed(tuple(drops.values()), tuple(refused))
