"""Compares instants only: within 1,000 rows of one instant the mark never moves, and every run starts the instant over."""
#| exercise: m01-17-ex2
#| caught by: test_ex2_the_latest_of_all_saved_stands
async def store_if_later(connection: Connection, mark: Watermark) -> None:
    statement = """
        INSERT INTO ingestion.watermarks AS w (source, stream, updated_at, key) VALUES (%s, %s, %s, %s)
        ON CONFLICT (source, stream) DO UPDATE SET
            updated_at = excluded.updated_at, key = excluded.key, saved_at = now()
        WHERE excluded.updated_at > w.updated_at"""
    await connection.execute(statement, [mark.source, mark.stream, mark.updated_at, mark.key])
