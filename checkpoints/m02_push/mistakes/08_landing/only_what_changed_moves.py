"""Saves the position only if something changed: a page of what is there already is read again for ever."""
#| exercise: m02-08-ex3
#| caught by: test_ex3_everything_that_a_batch_means_is_done, test_ex3_without_records_nothing_is_changed
async def land_together(door, batch, run, rejects, change):
    async with transaction(door) as connection:
        new = replaced = parked = 0
        if batch.records:
            new, replaced = await change(connection, batch.records)
        if rejects.items:
            parked = await park(connection, rejects.items, schema_version=run.schema_version)
        landed = Landed(new, replaced, len(batch.records) + len(batch.rejects) - new - replaced - parked, parked)
        if batch.position is not None and (new or replaced or parked):
            await batch.position.save(connection)
            if isinstance(batch.position, Tally):
                await batch.position.add(connection, landed)
        await run.add(connection, landed)
    return landed
