"""Truncates where the position is the last one given: what was written since the look is gone, and published nowhere."""
#| exercise: m02-13-ex2
#| caught by: test_ex2_who_begins_meanwhile_is_not_counted
async def begin_behind(connection, position):
    given = (await look(connection)).position
    if position > given:
        raise ConfigurationError(f"{position} {given}")
    async with transaction(connection):
        if position == given:
            await connection.execute("TRUNCATE ingestion.outbox")
        else:
            await connection.execute("DELETE FROM ingestion.outbox WHERE position <= %s", [position])
