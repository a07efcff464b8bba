"""Takes the lock that waits: the 02:00 run hangs behind the 01:00 run, the 03:00 run behind both, and nobody is told."""
#| exercise: m01-17-ex3
#| caught by: test_ex3_a_second_session_is_refused_at_once
async def take_source(connection: Connection, source: str, stream: str) -> int:
    lock = lock_id(source, stream)
    async with transaction(connection):
        if await holder_of(connection, lock) == f"process {connection.info.backend_pid} (ingestion)":
            raise SourceBusyError(f"{source}.{stream} is being read by this process")
        await connection.execute("SELECT pg_advisory_lock(%s)", [lock])
    return lock
