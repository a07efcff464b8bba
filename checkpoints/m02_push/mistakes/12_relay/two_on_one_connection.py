"""Reads and settles at the same time as well: two statements on one connection, which has one transaction."""
#| exercise: m02-12-ex3
#| caught by: test_ex3_every_batch_once_in_order_and_settled_with_its_outcome
async def convey(turn: Turn) -> None:
    rows, before = await turn.read([]), None
    while rows:
        in_hand = rows if before is None else [*before[0], *rows]
        work = [asyncio.ensure_future(turn.publish(rows)), asyncio.ensure_future(turn.read(in_hand))]
        if before is not None:
            work.append(asyncio.ensure_future(turn.settle(*before)))
        try:
            outcome, following, *_ = await asyncio.gather(*work)
        except BaseException:
            for task in work:
                task.cancel()
            await asyncio.wait(work)
            raise
        before = rows, outcome
        rows = [] if outcome.undelivered else following
    if before is not None:
        await turn.settle(*before)
