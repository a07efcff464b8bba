"""Asks the table for its highest position: an outbox that is empty, as it should be, looks like a restored one."""
#| exercise: m02-13-ex2
#| caught by: test_ex2_an_empty_outbox_is_no_older_one
async def begin_behind(connection: Connection, position: int) -> None:
    async with transaction(connection):
        found = await connection.execute("SELECT coalesce(max(position), 0) FROM ingestion.outbox")
        [last] = await found.fetchone() or [0]
    if last < position:
        raise ConfigurationError(
            f"the outbox has given out positions up to {last}, but Kafka holds its events up to {position}:"
            " this database was restored from a backup. Give its outbox a new name"
        )
    async with transaction(connection):
        await connection.execute("DELETE FROM ingestion.outbox WHERE position <= %b", [position])
