"""Writes the statement with xmax and spelled-out comparisons, halves by recursion, and counts with a sum."""
#| exercise: m02-08-ex1
def landed_sql(versions: Versions) -> str:
    newest = """
        ON CONFLICT ON CONSTRAINT records_pkey DO UPDATE SET
            (payload, occurred_at, content_hash, landed_at)
                = (excluded.payload, excluded.occurred_at, excluded.content_hash, now())
        WHERE excluded.occurred_at > there.occurred_at
           OR (excluded.occurred_at = there.occurred_at AND excluded.content_hash > there.content_hash)"""
    on_conflict = {"first": "ON CONFLICT DO NOTHING", "newest": newest}
    return f"""
        INSERT INTO ingestion.records AS there (key, stream, source, content_hash, occurred_at, payload)
        SELECT key, stream, source, content_hash, occurred_at, CAST(convert_from(payload, 'UTF8') AS jsonb)
        FROM batch ORDER BY 3, 2, 1
        {on_conflict[versions]}
        RETURNING there.source, there.stream, there.key, (there.xmax = 0) AS is_new"""


#| exercise: m02-08-ex2
async def change_what_fits(
    connection: Connection, records: Sequence[Record], rejects: Rejects, change: Change
) -> tuple[int, int]:
    async def attempt(places: list[int]) -> tuple[int, int]:
        try:
            async with transaction(connection) as savepoint:
                return await change(savepoint, tuple(records[place] for place in places))
        except RefusedError as error:
            if len(places) == 1:
                record = records[places[0]]
                rejects.add(Reject(record.source, record.stream, record.payload, str(error), places[0]))
                return 0, 0
        middle = len(places) // 2
        first = await attempt(places[:middle])
        second = await attempt(places[middle:])
        return first[0] + second[0], first[1] + second[1]

    in_order = sorted(range(len(records)), key=lambda place: (records[place].source, records[place].stream, records[place].key))
    return await attempt(in_order)


#| exercise: m02-08-ex3
async def land_together(door: Door, batch: Batch, run: Run, rejects: Rejects, change: Change) -> Landed:
    items = len(batch.records) + len(batch.rejects)
    async with transaction(door) as connection:
        changed = (0, 0)
        if batch.records:
            changed = await change(connection, batch.records)
        parked = await park(connection, tuple(rejects.items), schema_version=run.schema_version)
        landed = Landed(*changed, items - sum(changed) - parked, parked)
        position = batch.position
        if position is not None:
            await position.save(connection)
            if hasattr(position, "add"):
                await position.add(connection, landed)
        await run.add(connection, landed)
        return landed
