"""Counts when the rows are safe, in a transaction of its own: a crash in between, and the ledger never hears of them."""
#| exercise: m02-08-ex3
#| caught by: test_ex3_a_failure_anywhere_leaves_nothing
async def land_together(door: Door, batch: Batch, run: Run, rejects: Rejects, change: Change) -> Landed:
    async with transaction(door) as connection:
        await run.add(connection, Landed(len(batch.records), 0, 0, len(rejects.items)))
    async with transaction(door) as connection:
        inserted, updated = await change(connection, batch.records) if batch.records else (0, 0)
        parked = await park(connection, rejects.items, schema_version=run.schema_version)
        if batch.position is not None:
            await batch.position.save(connection)
        landed = Landed(inserted, updated, len(batch.records) + len(batch.rejects) - inserted - updated - parked, parked)
        if isinstance(batch.position, Tally):
            await batch.position.add(connection, landed)
    return landed
