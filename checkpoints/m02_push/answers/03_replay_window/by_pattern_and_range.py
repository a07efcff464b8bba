"""Reads with a pattern, compares bounds, and collects the parts of the message before looking at any secret."""
#| exercise: m02-03-ex1
def parse_timestamp(text: bytes) -> int | None:
    import re

    found = re.fullmatch(rb"[0-9]{1,12}", text)
    return int(found[0]) if found else None


#| exercise: m02-03-ex2
def is_timely(sent_s: int, now: datetime, *, tolerance_s: float = TOLERANCE_S) -> bool:
    now_s = now.timestamp()
    return now_s - tolerance_s <= sent_s <= now_s + tolerance_s


#| exercise: m02-03-ex3
def refusal_at(
    now: datetime,
    scheme: Scheme,
    secrets: Iterable[Secret],
    claim: Claim,
    body: bytes,
    *,
    tolerance_s: float = TOLERANCE_S,
) -> Refused | None:
    sent_s = parse_timestamp(claim.timestamp)
    match (scheme.signs_timestamp, sent_s):
        case (True, None):
            return NO_TIMESTAMP
        case (True, int()) if not is_timely(sent_s, now, tolerance_s=tolerance_s):
            return UNTIMELY
    if not claim.id and scheme.signs_id:
        return NO_ID
    parts = {b"body": body, b"timestamp": bytes(claim.timestamp), b"id": bytes(claim.id)}
    keys = tuple(live_keys(list(secrets), now))
    if is_signed(scheme.signed % parts, tuple(claim.signatures), keys, scheme.spelling):
        return None
    return UNSIGNED
