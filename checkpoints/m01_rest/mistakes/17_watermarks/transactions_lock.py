"""Takes a lock of the transaction: it is gone with the first commit, and nobody notices, since the run goes on."""
#| exercise: m01-17-ex3
#| caught by: test_ex3_it_outlives_the_runs_transactions
async def take_source(connection: Connection, source: str, stream: str) -> int:
    lock = lock_id(source, stream)
    async with transaction(connection):
        holder = await holder_of(connection, lock)
        if holder is None:
            row = await (await connection.execute("SELECT pg_try_advisory_xact_lock(%s)", [lock])).fetchone()
            if row is not None and row[0]:
                return lock
            holder = await holder_of(connection, lock) or "another run"
    raise SourceBusyError(f"{source}.{stream} is being read by {holder}: wait for it, or stop it")
