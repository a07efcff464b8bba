"""Gives the bytearray in which it collected: equal to the bytes, and neither hashable nor safe from change."""
#| exercise: m02-09-ex2
#| caught by: test_ex2_a_body_is_what_was_sent
async def read_body(receive, limits, budget):
    body, taken = bytearray(), 0
    async def go():
        nonlocal taken
        while True:
            m = await receive()
            if m["type"] == "http.disconnect":
                raise RefusedError(refusal(400, "hung up", is_last=True))
            piece = m.get("body", b"")
            if len(body) + len(piece) > limits.body_bytes:
                raise RefusedError(too_large(limits))
            if not body and not m.get("more_body", False):
                return piece
            budget.take(len(piece)); taken += len(piece)
            body.extend(piece)
            if not m.get("more_body", False):
                return body
    try:
        return await asyncio.wait_for(go(), limits.body_s)
    except TimeoutError:
        raise RefusedError(refusal(408, "slow", is_last=True)) from None
    finally:
        budget.give_back(taken)
