"""Takes the greatest row for the last position given out: an empty table then excuses everything, and a rolled back row accuses."""
#| exercise: m02-13-ex2
#| caught by: test_ex2_a_restored_database_is_refused, test_ex2_a_large_remainder_goes_as_well
async def begin_behind(connection, position):
    async with transaction(connection):
        [[last]] = await (await connection.execute("SELECT coalesce(max(position), 0) FROM ingestion.outbox")).fetchall()
        if last and last < position:
            raise ConfigurationError(f"{position} {last}")
        await connection.execute("DELETE FROM ingestion.outbox WHERE position <= %s", [position])
