"""Saves the position once the rows are committed: killed in between, the rows stay and the position does not."""
#| exercise: m02-08-ex3
#| caught by: test_ex3_a_failure_anywhere_leaves_nothing
async def land_together(door: Door, batch: Batch, run: Run, rejects: Rejects, change: Change) -> Landed:
    async with transaction(door) as connection:
        inserted, updated = await change(connection, batch.records) if batch.records else (0, 0)
        parked = await park(connection, rejects.items, schema_version=run.schema_version)
        unchanged = len(batch.records) + len(batch.rejects) - inserted - updated - parked
        landed = Landed(inserted, updated, unchanged, parked)
        await run.add(connection, landed)
    async with transaction(door) as connection:
        if batch.position is not None:
            await batch.position.save(connection)
        if isinstance(batch.position, Tally):
            await batch.position.add(connection, landed)
    return landed
