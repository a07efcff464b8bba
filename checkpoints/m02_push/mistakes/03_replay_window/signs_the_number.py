"""Signs the number it parsed, not the bytes that came: one signature fits many spellings of the time."""
#| exercise: m02-03-ex3
#| caught by: test_ex3_a_timestamp_has_one_spelling
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
        if not is_timely(sent_s, now, tolerance_s=tolerance_s):
            return UNTIMELY
    if scheme.signs_id and not claim.id:
        return NO_ID
    message = scheme.signed % {b"id": claim.id, b"timestamp": b"%d" % sent_s if scheme.signs_timestamp else b"", b"body": body}
    return None if is_signed(message, claim.signatures, live_keys(secrets, now), scheme.spelling) else UNSIGNED
