"""Deletes and then looks whether that was right: the error comes, and the events are gone."""
#| exercise: m02-13-ex2
#| caught by: test_ex2_a_restored_database_is_refused
async def begin_behind(connection: Connection, position: int) -> None:
    async with transaction(connection):
        await connection.execute("DELETE FROM ingestion.outbox WHERE position <= %b", [position])
    last = (await look(connection)).position
    if last < position:
        raise ConfigurationError(f"restored from a backup? given out: {last}, in Kafka: {position}")
