"""Parks before it changes: what is found on the way is rejected and not set aside, so it is lost."""
#| exercise: m02-08-ex3
#| caught by: test_ex3_rejects_found_on_the_way_are_parked
async def land_together(door: Door, batch: Batch, run: Run, rejects: Rejects, change: Change) -> Landed:
    async with transaction(door) as connection:
        parked = await park(connection, rejects.items, schema_version=run.schema_version)
        inserted, updated = await change(connection, batch.records) if batch.records else (0, 0)
        unchanged = len(batch.records) + len(batch.rejects) - inserted - updated - parked
        landed = Landed(inserted, updated, unchanged, parked)
        if batch.position is not None:
            await batch.position.save(connection)
        if isinstance(batch.position, Tally):
            await batch.position.add(connection, landed)
        await run.add(connection, landed)
    return landed
