"""Deletes a thousand rows to be gentle, and once: the others are published again."""
#| exercise: m02-13-ex2
#| caught by: test_ex2_a_large_remainder_goes_as_well
async def begin_behind(connection, position):
    given = (await look(connection)).position
    if position > given:
        raise ConfigurationError(f"{position} {given}")
    async with transaction(connection):
        await connection.execute("DELETE FROM ingestion.outbox WHERE position IN (SELECT position FROM ingestion.outbox WHERE position <= %s ORDER BY position LIMIT 1000)", [position])
