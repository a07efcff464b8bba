"""Asks for lanes one by one, settles with its own statements, and conveys with a task group."""
#| exercise: m02-12-ex1
async def take_lanes(connection: Connection, wanted: Sequence[int], limit: int) -> list[int]:
    taken: list[int] = []
    async with transaction(connection):
        for lane in wanted:
            if len(taken) == limit:
                break
            cursor = await connection.execute("SELECT pg_try_advisory_lock(%s::int4, %s::int4)", [LANE_LOCKS, lane])
            [is_mine] = await cursor.fetchone() or [False]
            taken += [lane] * is_mine
    return taken


#| exercise: m02-12-ex2
async def settle(connection: Connection, rows: Sequence[OutboxRow], topics: Mapping[int, str], outcome: Outcome) -> None:
    async with connection.transaction():
        for index, row in enumerate(rows):
            if index in outcome.undelivered:
                continue
            if index in outcome.refused:
                await set_aside(connection, {row.position: (topics[index], outcome.refused[index])})
            await connection.execute("DELETE FROM ingestion.outbox WHERE position = %s", [row.position])


#| exercise: m02-12-ex3
async def convey(turn: Turn) -> None:
    async def beside(rows: list[OutboxRow], before: tuple[list[OutboxRow], Outcome] | None) -> list[OutboxRow]:
        if before:
            await turn.settle(*before)
        return await turn.read(rows)

    before = None
    rows = await turn.read([])
    while rows:
        try:
            async with asyncio.TaskGroup() as group:
                publishing = group.create_task(turn.publish(rows))
                reading = group.create_task(beside(rows, before))
        except* Exception as errors:
            raise errors.exceptions[0] from None
        before = (rows, publishing.result())
        rows = [] if before[1].undelivered else reading.result()
    if before:
        await turn.settle(*before)
