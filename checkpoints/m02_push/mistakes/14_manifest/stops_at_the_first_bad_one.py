"""Ends its loop at a key that is no UTF-8: the files behind it in the message are never heard of."""
#| exercise: m02-14-ex1
#| caught by: test_ex1_a_key_that_no_drop_has_is_refused
def drops_in(notification, *, bucket):
    drops, refused = [], []
    for e in events_in(notification):
        if not e.name.startswith("ObjectCreated:"):
            continue
        try:
            key = unquote_plus(e.key, errors="strict")
        except UnicodeDecodeError:
            refused.append(f"{e.key!r}: no UTF-8")
            break
        if e.bucket != bucket or not key or _NO_DROP.search(key) or not e.version:
            refused.append(f"{key!r} refused")
            continue
        drops.append(Drop(bucket, key, e.version, e.size_bytes, e.at))
    return Noticed(tuple(drops), tuple(refused))
