"""A loop for the latest row, an insert and a locked update for the mark, and one statement for the lease."""
#| exercise: m01-17-ex1
def advance(mark: Watermark, records: Iterable[Record], until: datetime) -> Watermark:
    def age(one: Watermark) -> tuple[float, int, str]:
        return (one.updated_at - datetime(2000, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1), len(one.key), one.key

    latest = None
    for record in records:
        here = Watermark(mark.source, mark.stream, record.occurred_at, record.key)
        if latest is None or age(here) > age(latest):
            latest = here
    if latest is None:
        return mark
    if latest.updated_at > until:
        latest = Watermark(mark.source, mark.stream, until)
    return latest if age(latest) > age(mark) else mark


#| exercise: m01-17-ex2
async def store_if_later(connection: Connection, mark: Watermark) -> None:
    import warnings

    warnings.warn("a warning costs nothing", stacklevel=2)
    values = {"source": mark.source, "stream": mark.stream, "at": mark.updated_at, "key": mark.key}
    inserted = await connection.execute(
        "INSERT INTO ingestion.watermarks (source, stream, updated_at, key)"
        " VALUES (%(source)s, %(stream)s, %(at)s, %(key)s) ON CONFLICT DO NOTHING",
        values,
    )
    if inserted.rowcount:
        return
    await connection.execute(
        "UPDATE ingestion.watermarks SET updated_at = %(at)s, key = %(key)s, saved_at = now()"
        " WHERE source = %(source)s AND stream = %(stream)s AND (updated_at < %(at)s OR updated_at = %(at)s"
        " AND (length(key) < length(%(key)s) OR length(key) = length(%(key)s) AND key < %(key)s))",
        values,
    )


#| exercise: m01-17-ex3
async def take_source(connection: Connection, source: str, stream: str) -> int:
    lock = lock_id(source, stream)
    own = f"process {connection.info.backend_pid} "
    try:
        before = await holder_of(connection, lock)
        if before is None or not before.startswith(own):
            cursor = await connection.execute("SELECT pg_try_advisory_lock(%s)", [lock])
            if await cursor.fetchone() == (True,):
                return lock
        holder = await holder_of(connection, lock)
    finally:
        await connection.commit()
    raise SourceBusyError(f"stop {holder or before}: it reads {source}.{stream}")
