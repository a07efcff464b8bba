"""Looks first, then writes: between the two another run has saved a later mark."""
#| exercise: m01-17-ex2
#| caught by: test_ex2_at_the_same_time_as_another
async def store_if_later(connection: Connection, mark: Watermark) -> None:
    there = await Watermark.load(connection, mark.source, mark.stream)
    if there is None or (mark.updated_at, len(mark.key), mark.key) > (there.updated_at, len(there.key), there.key):
        statement = """
            INSERT INTO ingestion.watermarks AS w (source, stream, updated_at, key) VALUES (%s, %s, %s, %s)
            ON CONFLICT (source, stream) DO UPDATE SET
                updated_at = excluded.updated_at, key = excluded.key, saved_at = now()"""
        await connection.execute(statement, [mark.source, mark.stream, mark.updated_at, mark.key])
