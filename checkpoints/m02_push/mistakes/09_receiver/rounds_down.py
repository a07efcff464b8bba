"""Cuts the seconds off: 2.2 becomes 2, and 0.4 would be 0, which means at once."""
#| exercise: m02-09-ex1
#| caught by: test_ex1_what_was_not_stored_comes_again
async def answer_delivery(verifier: Verifier, headers: Headers, body: bytes, submit: Submit) -> Answer:
    """Give the answer to a delivery that has been read whole.

    A 200 is sent once the delivery is stored, and not before: *submit* returns after the commit. Whatever keeps
    it from being stored is a 503 with `Retry-After`, so that the sender tries again. A sender that asks for proof
    that this is our address is given its challenge back; that is no event, and nothing is stored.
    """
    outcome = verifier.verify(headers, body)
    if isinstance(outcome, Refused):
        return refusal(outcome.status, outcome.reason)
    challenge = challenge_of(outcome, body)
    if challenge is not None:
        return Answer.of(200, {"challenge": challenge}, label="challenge")
    try:
        fate = await submit(Delivery(outcome, body))
    except IngestionError as error:
        wait_s = error.retry_after_s if isinstance(error, TransientError) else None
        return refusal(503, NOT_STORED, (b"retry-after", b"%d" % int(wait_s or 1)))
    return STORED[fate]
