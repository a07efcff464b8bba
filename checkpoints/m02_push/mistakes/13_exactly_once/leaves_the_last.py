"""Deletes what is below the position: the row at the position is in Kafka, too."""
#| exercise: m02-13-ex2
#| caught by: test_ex2_rows_up_to_the_position_go_and_no_others
async def begin_behind(connection: Connection, position: int) -> None:
    last = (await look(connection)).position
    if last < position:
        raise ConfigurationError(
            f"the outbox has given out positions up to {last}, but Kafka holds its events up to {position}:"
            " this database was restored from a backup. Move ingestion.outbox_positions beyond that"
        )
    async with transaction(connection):
        await connection.execute("DELETE FROM ingestion.outbox WHERE position < %b", [position])
