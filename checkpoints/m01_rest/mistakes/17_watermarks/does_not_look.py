"""Asks for the lock and does not look at the answer: everybody holds the stream."""
#| exercise: m01-17-ex3
#| caught by: test_ex3_of_many_at_once_one_holds
async def take_source(connection: Connection, source: str, stream: str) -> int:
    lock = lock_id(source, stream)
    async with transaction(connection):
        holder = await holder_of(connection, lock)
        if holder is None:
            await connection.execute("SELECT pg_try_advisory_lock(%s)", [lock])
            await connection.execute("SELECT pg_sleep(0.1)")
            return lock
    raise SourceBusyError(f"{source}.{stream} is being read by {holder}: wait for it, or stop it")
