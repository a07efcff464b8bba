"""Writes what it has: the slower of two runs takes the mark back to where it was when it started."""
#| exercise: m01-17-ex2
#| caught by: test_ex2_the_latest_of_all_saved_stands, test_ex2_at_the_same_time_as_another
async def store_if_later(connection: Connection, mark: Watermark) -> None:
    statement = """
        INSERT INTO ingestion.watermarks AS w (source, stream, updated_at, key) VALUES (%s, %s, %s, %s)
        ON CONFLICT (source, stream) DO UPDATE SET
            updated_at = excluded.updated_at, key = excluded.key, saved_at = now()"""
    await connection.execute(statement, [mark.source, mark.stream, mark.updated_at, mark.key])
