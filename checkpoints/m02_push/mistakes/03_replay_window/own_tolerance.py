"""Does not pass the tolerance on: the setting is read, documented, and without effect."""
#| exercise: m02-03-ex3
#| caught by: test_ex3_only_near_now
def refusal_at(
    now: datetime,
    scheme: Scheme,
    secrets: Iterable[Secret],
    claim: Claim,
    body: bytes,
    *,
    tolerance_s: float = TOLERANCE_S,
) -> Refused | None:
    if scheme.signs_timestamp:
        sent_s = parse_timestamp(claim.timestamp)
        if sent_s is None:
            return NO_TIMESTAMP
        if not is_timely(sent_s, now):
            return UNTIMELY
    if scheme.signs_id and not claim.id:
        return NO_ID
    message = scheme.signed % {b"id": claim.id, b"timestamp": claim.timestamp, b"body": body}
    return None if is_signed(message, claim.signatures, live_keys(secrets, now), scheme.spelling) else UNSIGNED
