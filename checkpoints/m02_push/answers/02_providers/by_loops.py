"""Walks through tokens and headers one by one, with early returns and a match."""
#| exercise: m02-02-ex1
def offered(scheme: Scheme, header: bytes) -> Claim | Refused:
    pieces = (header,) if scheme.separator is None else header.split(scheme.separator)
    signatures: list[bytes] = []
    timestamp: bytes | None = None
    others = 0
    for piece in pieces:
        if scheme.timestamp_prefix and piece[: len(scheme.timestamp_prefix)] == scheme.timestamp_prefix:
            if timestamp is not None:
                return Refused(400, "which time is it?")
            timestamp = piece[len(scheme.timestamp_prefix) :]
            continue
        others += 1
        if others > MAX_SIGNATURES:
            return Refused(400, "too many signatures")
        before, found, after = piece.partition(scheme.prefix) if scheme.prefix else (b"", b"", piece)
        if not before and (found or not scheme.prefix):
            signatures.append(after)
    return Claim(tuple(signatures), timestamp or b"")


#| exercise: m02-02-ex2
def pick_headers(scheme: Scheme, headers: Headers) -> dict[str, bytes] | Refused:
    from collections import Counter

    for names in scheme.headers:
        mine = [(names[name], value) for name, value in headers if name in names]
        counts = Counter(role for role, _ in mine)
        if not all(count == 1 for count in counts.values()):
            return Refused(400, "the same header twice")
        roles = dict(mine)
        match roles:
            case {"signature": _}:
                odd = [role for role in roles if role in ("id", "type") and not is_name(roles[role])]
                return Refused(400, f"odd {odd[0]}") if odd else roles
    return Refused(401, "unsigned")


#| exercise: m02-02-ex3
def event_key(scheme: Scheme, event_id: str | None, event_type: str | None, body: bytes) -> str:
    is_signed_id = b"%(id)b" in scheme.signed or len(scheme.id_path) > 0
    if is_signed_id and event_id:
        return event_id
    parts = [event_type] if event_type else []
    parts += ["sha256", hashlib.new("sha256", body).hexdigest()]
    return ":".join(parts)
