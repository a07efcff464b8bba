"""Finds the row by its source alone, on its way to one statement less: the orders are read from where the refunds stand."""
#| exercise: m01-17-ex2
#| caught by: test_ex2_other_streams_are_left_alone
async def store_if_later(connection: Connection, mark: Watermark) -> None:
    statement = """
        UPDATE ingestion.watermarks AS w SET updated_at = %(at)s, key = %(key)s, saved_at = now()
        WHERE source = %(source)s AND (%(at)s, length(%(key)s), %(key)s) > (w.updated_at, length(w.key), w.key)"""
    values = {"source": mark.source, "stream": mark.stream, "at": mark.updated_at, "key": mark.key}
    await connection.execute(
        "INSERT INTO ingestion.watermarks (source, stream, updated_at, key)"
        " VALUES (%(source)s, %(stream)s, %(at)s, %(key)s) ON CONFLICT DO NOTHING",
        values,
    )
    await connection.execute(statement, values)
