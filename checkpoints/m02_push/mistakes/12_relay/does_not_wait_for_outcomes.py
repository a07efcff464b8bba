"""Keeps two batches with Kafka: if the first gets stuck, the second has overtaken it."""
#| exercise: m02-12-ex3
#| caught by: test_ex3_every_batch_once_in_order_and_settled_with_its_outcome, test_ex3_nothing_overtakes_what_is_undelivered
async def convey(turn: Turn) -> None:
    under_way: list[tuple[list[OutboxRow], asyncio.Future[Outcome]]] = []
    while rows := await turn.read([row for batch, _ in under_way for row in batch]):
        under_way.append((rows, asyncio.ensure_future(turn.publish(rows))))
        if len(under_way) == 2:
            rows, publishing = under_way.pop(0)
            outcome = await publishing
            await turn.settle(rows, outcome)
            if outcome.undelivered:
                break
    for rows, publishing in under_way:
        await turn.settle(rows, await publishing)
