"""Lets an error through while a batch is under way: its messages arrive after the next relay has begun."""
#| exercise: m02-12-ex3
#| caught by: test_ex3_a_failure_leaves_no_publishing_behind
async def convey(turn: Turn) -> None:
    rows, before = await turn.read([]), None
    while rows:
        publishing = asyncio.ensure_future(turn.publish(rows))
        if before is not None:
            await turn.settle(*before)
        following = await turn.read(rows)
        outcome = await publishing
        before = rows, outcome
        rows = [] if outcome.undelivered else following
    if before is not None:
        await turn.settle(*before)
