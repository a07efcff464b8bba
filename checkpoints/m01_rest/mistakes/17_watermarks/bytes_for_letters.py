"""Counts bytes where `advance` counts letters: the two disagree about which of two keys is later."""
#| exercise: m01-17-ex2
#| caught by: test_ex2_the_latest_of_all_saved_stands
async def store_if_later(connection: Connection, mark: Watermark) -> None:
    statement = """
        INSERT INTO ingestion.watermarks AS w (source, stream, updated_at, key) VALUES (%s, %s, %s, %s)
        ON CONFLICT (source, stream) DO UPDATE SET
            updated_at = excluded.updated_at, key = excluded.key, saved_at = now()
        WHERE (excluded.updated_at, octet_length(excluded.key), excluded.key)
            > (w.updated_at, octet_length(w.key), w.key)"""
    await connection.execute(statement, [mark.source, mark.stream, mark.updated_at, mark.key])
