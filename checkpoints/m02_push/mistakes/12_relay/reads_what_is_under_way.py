"""Reads as if nothing were under way: it gets the batch that Kafka has in hand, and publishes everything twice."""
#| exercise: m02-12-ex3
#| caught by: test_ex3_every_batch_once_in_order_and_settled_with_its_outcome
async def convey(turn: Turn) -> None:
    rows, before = await turn.read([]), None
    while rows:
        publishing = asyncio.ensure_future(turn.publish(rows))
        try:
            if before is not None:
                await turn.settle(*before)
            following = await turn.read([])
        except BaseException:
            publishing.cancel()
            await asyncio.wait([publishing])
            raise
        outcome = await publishing
        before = rows, outcome
        rows = [] if outcome.undelivered else following
    if before is not None:
        await turn.settle(*before)
