"""Calls the change for an empty batch, too: a statement for nothing, once per empty page."""
#| exercise: m02-08-ex3
#| caught by: test_ex3_without_records_nothing_is_changed
async def land_together(door: Door, batch: Batch, run: Run, rejects: Rejects, change: Change) -> Landed:
    async with transaction(door) as connection:
        inserted, updated = await change(connection, batch.records)
        parked = await park(connection, rejects.items, schema_version=run.schema_version)
        unchanged = len(batch.records) + len(batch.rejects) - inserted - updated - parked
        landed = Landed(inserted, updated, unchanged, parked)
        if batch.position is not None:
            await batch.position.save(connection)
        if isinstance(batch.position, Tally):
            await batch.position.add(connection, landed)
        await run.add(connection, landed)
    return landed
