"""Forgets that a position may keep a count: the file's numbers never add up."""
#| exercise: m02-08-ex3
#| caught by: test_ex3_a_position_that_counts_is_told_before_the_ledger
async def land_together(door: Door, batch: Batch, run: Run, rejects: Rejects, change: Change) -> Landed:
    async with transaction(door) as connection:
        inserted, updated = await change(connection, batch.records) if batch.records else (0, 0)
        parked = await park(connection, rejects.items, schema_version=run.schema_version)
        unchanged = len(batch.records) + len(batch.rejects) - inserted - updated - parked
        landed = Landed(inserted, updated, unchanged, parked)
        if batch.position is not None:
            await batch.position.save(connection)
        await run.add(connection, landed)
    return landed
