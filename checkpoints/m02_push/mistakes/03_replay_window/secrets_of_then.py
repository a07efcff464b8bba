"""Judges the secrets at the moment the request says it was sent: who holds an ended one dates his request back."""
#| exercise: m02-03-ex3
#| caught by: test_ex3_secrets_are_judged_at_the_same_now
def refusal_at(now, scheme, secrets, claim, body, *, tolerance_s=TOLERANCE_S):
    sent_s = parse_timestamp(claim.timestamp)
    if scheme.signs_timestamp:
        if sent_s is None:
            return NO_TIMESTAMP
        if not is_timely(sent_s, now, tolerance_s=tolerance_s):
            return UNTIMELY
    if scheme.signs_id and not claim.id:
        return NO_ID
    from datetime import UTC
    at = datetime.fromtimestamp(sent_s, UTC) if sent_s is not None else now
    message = scheme.signed % {b"id": claim.id, b"timestamp": claim.timestamp, b"body": body}
    if not is_signed(message, claim.signatures, live_keys(secrets, at), scheme.spelling):
        return UNSIGNED
    return None
