"""Goes on behind undelivered rows, since those stay in the outbox anyway: they come later than what follows them."""
#| exercise: m02-12-ex3
#| caught by: test_ex3_nothing_overtakes_what_is_undelivered
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
        rows = following
    if before is not None:
        await turn.settle(*before)
