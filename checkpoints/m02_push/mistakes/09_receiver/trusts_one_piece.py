"""Compares the size only of bodies in several pieces: the short way past the check is the usual one."""
#| exercise: m02-09-ex2
#| caught by: test_ex2_too_large_is_413
async def read_body(receive: Receive, limits: Limits, budget: BodyBudget) -> bytes:
    """Read a body to its end, whatever length was declared, and keep no more of it than the limit.

    Raises:
        RefusedError: 413 too large, 408 too slow, 503 too much at once, 400 when the sender hung up.
    """
    pieces: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(limits.body_s):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise RefusedError(refusal(400, "the sender hung up", is_last=True))
                piece: bytes = message.get("body", b"")
                size += len(piece)
                is_complete = not message.get("more_body", False)
                if is_complete and not pieces:  # nearly all bodies come in one piece
                    return piece
                if size > limits.body_bytes:
                    raise RefusedError(too_large(limits))
                budget.take(len(piece))
                pieces.append(piece)
                if is_complete:
                    return b"".join(pieces)
    except TimeoutError:
        raise RefusedError(refusal(408, f"the body took longer than {limits.body_s:g} s", is_last=True)) from None
    finally:
        budget.give_back(sum(map(len, pieces)))
