"""Asks for the state first: who comes with other work gets the result of this one."""
#| exercise: m01-15-ex2
#| caught by: test_ex2_other_work_never_gets_this_works_answer
def answer_for(known: Known, body_hash: bytes) -> Done | InFlight | Reused:
    if known.state == "done":
        return Done(known.status_code, known.body)
    if known.body_hash != body_hash:
        return Reused()
    return InFlight(max(0.0, known.lease_left_s) if known.state == "in_flight" else 0.0)
