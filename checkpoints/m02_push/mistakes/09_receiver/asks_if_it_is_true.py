"""Asks `if challenge`, where the question is whether there is one: an empty challenge is stored as an event."""
#| exercise: m02-09-ex1
#| caught by: test_ex1_a_challenge_is_given_back
async def answer_delivery(verifier, headers, body, submit):
    who = verifier.verify(headers, body)
    if isinstance(who, Refused):
        return refusal(who.status, who.reason)
    if challenge := challenge_of(who, body):
        return Answer.of(200, {"challenge": challenge}, label="challenge")
    try:
        return STORED[await submit(Delivery(who, body))]
    except IngestionError as e:
        wait = getattr(e, "retry_after_s", None) or 1
        return refusal(503, NOT_STORED, (b"retry-after", b"%d" % math.ceil(wait)))
