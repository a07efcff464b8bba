"""Reads, publishes and settles in turn: right, and half as fast, as each side waits for the other."""
#| exercise: m02-12-ex3
#| caught by: test_ex3_postgres_works_while_kafka_does
async def convey(turn: Turn) -> None:
    while rows := await turn.read([]):
        outcome = await turn.publish(rows)
        await turn.settle(rows, outcome)
        if outcome.undelivered:
            break
