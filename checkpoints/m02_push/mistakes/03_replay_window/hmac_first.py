"""Verifies first and looks at the time afterwards, as if the signature were the only question: each rubbish request costs the dearest one."""
#| exercise: m02-03-ex3
#| caught by: test_ex3_questions_come_in_their_order
def refusal_at(now, scheme, secrets, claim, body, *, tolerance_s=TOLERANCE_S):
    message = scheme.signed % {b"id": claim.id, b"timestamp": claim.timestamp, b"body": body}
    if not is_signed(message, claim.signatures, live_keys(secrets, now), scheme.spelling):
        return UNSIGNED
    if scheme.signs_timestamp:
        sent_s = parse_timestamp(claim.timestamp)
        if sent_s is None:
            return NO_TIMESTAMP
        if not is_timely(sent_s, now, tolerance_s=tolerance_s):
            return UNTIMELY
    if scheme.signs_id and not claim.id:
        return NO_ID
    return None
