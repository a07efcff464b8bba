"""Settles a batch when the next one begins, and the last has no next: it is published again in every turn."""
#| exercise: m02-12-ex3
#| caught by: test_ex3_every_batch_once_in_order_and_settled_with_its_outcome, test_ex3_nothing_to_do
async def convey(turn: Turn) -> None:
    rows, before = await turn.read([]), None
    while rows:
        publishing = asyncio.ensure_future(turn.publish(rows))
        try:
            if before is not None:
                await turn.settle(*before)
            following = await turn.read(rows)
        except BaseException:
            publishing.cancel()
            await asyncio.wait([publishing])
            raise
        outcome = await publishing
        before = rows, outcome
        rows = [] if outcome.undelivered else following
