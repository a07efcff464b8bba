"""Answers 401 whatever the verifier said, as if each refusal were about the signature."""
#| exercise: m02-09-ex1
#| caught by: test_ex1_what_is_not_signed_is_not_stored
async def answer_delivery(verifier, headers, body, submit):
    who = verifier.verify(headers, body)
    if isinstance(who, Refused):
        return refusal(401, who.reason)
    challenge = challenge_of(who, body)
    if challenge is not None:
        return Answer.of(200, {"challenge": challenge}, label="challenge")
    try:
        return STORED[await submit(Delivery(who, body))]
    except IngestionError as e:
        wait = getattr(e, "retry_after_s", None) or 1
        return refusal(503, NOT_STORED, (b"retry-after", b"%d" % math.ceil(wait)))
