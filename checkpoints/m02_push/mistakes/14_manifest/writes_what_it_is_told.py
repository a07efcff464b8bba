"""Puts the refused key into the line as it is: with a line break in it, whoever fills the queue writes lines of your log."""
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
            refused.append(f"{e.key}: no UTF-8")
            continue
        if e.bucket != bucket or not key or _NO_DROP.search(key) or not e.version:
            refused.append(f"{key} refused")
            continue
        drops.append(Drop(bucket, key, e.version, e.size_bytes, e.at))
    return Noticed(tuple(drops), tuple(refused))
