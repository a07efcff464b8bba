"""Asks for the lock and does not look at the answer: no error was raised, so everybody holds the stream."""
#| exercise: m01-17-ex3
#| caught by: test_ex3_a_second_session_is_refused_at_once, test_ex3_of_many_at_once_one_holds
async def take_source(connection: Connection, source: str, stream: str) -> int:
    lock = lock_id(source, stream)
    async with transaction(connection):
        await connection.execute("SELECT pg_try_advisory_lock(%s)", [lock])
    return lock
