"""Takes an empty body for no body: work that answered 204 is in flight for ever."""
#| exercise: m01-15-ex2
#| caught by: test_ex2_done_gives_the_result_even_an_empty_one
def answer_for(known: Known, body_hash: bytes) -> Done | InFlight | Reused:
    if known.body_hash != body_hash:
        return Reused()
    if known.status_code and known.body:
        return Done(known.status_code, known.body)
    return InFlight(max(0.0, known.lease_left_s) if known.state == "in_flight" else 0.0)
