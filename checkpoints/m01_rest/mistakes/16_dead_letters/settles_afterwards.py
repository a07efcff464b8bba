"""Settles when the transaction is over, on a connection that the pool has back: a crash between them, and nobody quarantines."""
#| exercise: m01-16-ex3
#| caught by: test_ex3_settling_is_part_of_it
async def redrive(
    door: Door,
    source: str,
    stream: str,
    *,
    revive: Callable[[DeadLetter], Record],
    land: Callable[[Connection, Batch], Awaitable[object]],
    limit: int = 500,
    max_attempts: int = 5,
) -> Redriven:
    async with transaction(door) as connection:
        claimed = await claim_letters(connection, source, stream, limit)
        records, refused = revive_each(claimed, revive)
        # Before they land: what the database refuses is parked anew by `land`, and has to stay parked.
        await count_attempt(connection, claimed, refused)
        if records:
            await land(connection, Batch(tuple(records)))
    return await settle(connection, claimed, max_attempts)
