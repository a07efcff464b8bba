"""Takes the greater of each column: an instant from one row and a key from another make a row that never was."""
#| exercise: m01-17-ex2
#| caught by: test_ex2_the_latest_of_all_saved_stands
async def store_if_later(connection: Connection, mark: Watermark) -> None:
    statement = """
        INSERT INTO ingestion.watermarks AS w (source, stream, updated_at, key) VALUES (%s, %s, %s, %s)
        ON CONFLICT (source, stream) DO UPDATE SET
            updated_at = greatest(excluded.updated_at, w.updated_at), key = greatest(excluded.key, w.key), saved_at = now()"""
    await connection.execute(statement, [mark.source, mark.stream, mark.updated_at, mark.key])
