"""Refuses files of no bytes, as a courtesy: a warehouse without shipments looks like one that sent nothing."""
#| exercise: m02-14-ex1
#| caught by: test_ex1_a_drop_is_the_whole_identity
def drops_in(notification, *, bucket):
    drops, refused = [], []
    for e in events_in(notification):
        if not e.name.startswith("ObjectCreated:"):
            continue
        try:
            key = unquote_plus(e.key, errors="strict")
        except UnicodeDecodeError:
            refused.append(f"{e.key!r}: no UTF-8")
            continue
        if e.bucket != bucket or not key or _NO_DROP.search(key) or not e.version or not e.size_bytes:
            refused.append(f"{key!r} refused")
            continue
        drops.append(Drop(bucket, key, e.version, e.size_bytes, e.at))
    return Noticed(tuple(drops), tuple(refused))
