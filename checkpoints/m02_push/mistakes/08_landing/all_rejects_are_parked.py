"""Counts the rejects instead of asking how many were newly parked: a rerun parks the same letter again and again, on paper."""
#| exercise: m02-08-ex3
#| caught by: test_ex3_everything_that_a_batch_means_is_done
async def land_together(door: Door, batch: Batch, run: Run, rejects: Rejects, change: Change) -> Landed:
    async with transaction(door) as connection:
        inserted, updated = await change(connection, batch.records) if batch.records else (0, 0)
        parked = await park(connection, rejects.items, schema_version=run.schema_version)
        parked = len(rejects.items)
        unchanged = len(batch.records) + len(batch.rejects) - inserted - updated - parked
        landed = Landed(inserted, updated, unchanged, parked)
        if batch.position is not None:
            await batch.position.save(connection)
        if isinstance(batch.position, Tally):
            await batch.position.add(connection, landed)
        await run.add(connection, landed)
    return landed
