"""Hands out what is left of a lease that is over: asyncio.sleep takes it as no wait, a log line and a Retry-After do not."""
#| exercise: m01-15-ex2
#| caught by: test_ex2_in_flight_says_when_to_come_back
def answer_for(known: Known, body_hash: bytes) -> Done | InFlight | Reused:
    if known.body_hash != body_hash:
        return Reused()
    if known.state == "done" and known.status_code is not None and known.body is not None:
        return Done(known.status_code, known.body)
    return InFlight(known.lease_left_s)
