"""Submits again when it fails: under overload each delivery then stands in line twice."""
#| exercise: m02-09-ex1
#| caught by: test_ex1_what_was_not_stored_comes_again
async def answer_delivery(verifier, headers, body, submit):
    who = verifier.verify(headers, body)
    if isinstance(who, Refused):
        return refusal(who.status, who.reason)
    challenge = challenge_of(who, body)
    if challenge is not None:
        return Answer.of(200, {"challenge": challenge}, label="challenge")
    for _ in range(2):
        try:
            return STORED[await submit(Delivery(who, body))]
        except IngestionError as e:
            wait = getattr(e, "retry_after_s", None) or 1
            answer = refusal(503, NOT_STORED, (b"retry-after", b"%d" % math.ceil(wait)))
    return answer
