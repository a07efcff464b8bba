"""Leaves it to the lock: Postgres grants a session its own lock again, so two runs on one connection both go, and one unlock does not free it."""
#| exercise: m01-17-ex3
#| caught by: test_ex3_the_same_session_is_refused_as_well
async def take_source(connection: Connection, source: str, stream: str) -> int:
    lock = lock_id(source, stream)
    async with transaction(connection):
        row = await (await connection.execute("SELECT pg_try_advisory_lock(%s)", [lock])).fetchone()
        if row is not None and row[0]:
            return lock
        holder = await holder_of(connection, lock) or "another run"
    raise SourceBusyError(f"{source}.{stream} is being read by {holder}: wait for it, or stop it")
