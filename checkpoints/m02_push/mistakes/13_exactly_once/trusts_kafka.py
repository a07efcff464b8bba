"""Does not compare: on a restored database it deletes new events that have the numbers of old ones."""
#| exercise: m02-13-ex2
#| caught by: test_ex2_a_restored_database_is_refused
async def begin_behind(connection: Connection, position: int) -> None:
    async with transaction(connection):
        await connection.execute("DELETE FROM ingestion.outbox WHERE position <= %b", [position])
