"""Says only that the stream is busy: at three in the morning nobody knows which process to look for."""
#| exercise: m01-17-ex3
#| caught by: test_ex3_a_second_session_is_refused_at_once
async def take_source(connection: Connection, source: str, stream: str) -> int:
    lock = lock_id(source, stream)
    async with transaction(connection):
        if await holder_of(connection, lock) is None:
            row = await (await connection.execute("SELECT pg_try_advisory_lock(%s)", [lock])).fetchone()
            if row is not None and row[0]:
                return lock
    raise SourceBusyError("another run is active")
