"""Counts a piece before budget.take has agreed: what was refused is given back as well, and the budget grows with each 503."""
#| exercise: m02-09-ex2
#| caught by: test_ex2_many_large_bodies_at_once_are_turned_away
async def read_body(receive, limits, budget):
    parts, size, taken = [], 0, 0
    try:
        async with asyncio.timeout(limits.body_s):
            while True:
                m = await receive()
                if m["type"] == "http.disconnect":
                    raise RefusedError(refusal(400, "hung up", is_last=True))
                piece = m.get("body", b"")
                more = m.get("more_body", False)
                size += len(piece)
                if size > limits.body_bytes:
                    raise RefusedError(too_large(limits))
                if not parts and not more:
                    return piece
                taken += len(piece)
                budget.take(len(piece))
                parts.append(piece)
                if not more:
                    return b"".join(parts)
    except TimeoutError:
        raise RefusedError(refusal(408, "slow", is_last=True)) from None
    finally:
        budget.give_back(taken)
