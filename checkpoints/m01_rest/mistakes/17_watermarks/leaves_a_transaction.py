"""Executes without a transaction of its own: the one that begins by itself stays open, and nothing that lands in it is committed."""
#| exercise: m01-17-ex3
#| caught by: test_ex3_no_transaction_is_left_open
async def take_source(connection: Connection, source: str, stream: str) -> int:
    lock = lock_id(source, stream)
    holder = await holder_of(connection, lock)
    if holder is None:
        row = await (await connection.execute("SELECT pg_try_advisory_lock(%s)", [lock])).fetchone()
        if row is not None and row[0]:
            return lock
        holder = await holder_of(connection, lock) or "another run"
    raise SourceBusyError(f"{source}.{stream} is being read by {holder}: wait for it, or stop it")
