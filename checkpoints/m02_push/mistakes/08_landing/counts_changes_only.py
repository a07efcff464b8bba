"""Leaves the ledger alone when nothing changed: what was read and unchanged is counted nowhere."""
#| exercise: m02-08-ex3
#| caught by: test_ex3_without_records_nothing_is_changed, test_ex3_everything_that_a_batch_means_is_done
async def land_together(door, batch, run, rejects, change):
    async with transaction(door) as connection:
        new = replaced = 0
        if batch.records:
            new, replaced = await change(connection, batch.records)
        parked = await park(connection, rejects.items, schema_version=run.schema_version)
        landed = Landed(new, replaced, len(batch.records) + len(batch.rejects) - new - replaced - parked, parked)
        if batch.position is not None:
            await batch.position.save(connection)
            if hasattr(batch.position, "add"):
                await batch.position.add(connection, landed)
        if new or replaced or parked:
            await run.add(connection, landed)
    return landed
