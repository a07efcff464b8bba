"""Returns with the last piece before it is counted: two pieces may hold a whole megabyte for nothing."""
#| exercise: m02-09-ex2
#| caught by: test_ex2_many_large_bodies_at_once_are_turned_away
async def read_body(receive, limits, budget):
    body, taken = bytearray(), 0
    try:
        async with asyncio.timeout(limits.body_s):
            while True:
                m = await receive()
                if m["type"] == "http.disconnect":
                    raise RefusedError(refusal(400, "hung up", is_last=True))
                piece = m.get("body", b"")
                if len(body) + len(piece) > limits.body_bytes:
                    raise RefusedError(too_large(limits))
                if not m.get("more_body", False):
                    return bytes(body + piece)
                budget.take(len(piece)); taken += len(piece)
                body += piece
    except TimeoutError:
        raise RefusedError(refusal(408, "slow", is_last=True)) from None
    finally:
        budget.give_back(taken)
