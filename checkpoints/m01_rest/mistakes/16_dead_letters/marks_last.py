"""Marks after landing: what landing parked anew is marked as redriven, and lost."""
#| exercise: m01-16-ex3
#| caught by: test_ex3_what_the_database_refuses_stays_parked
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
        if records:
            await land(connection, Batch(tuple(records)))
        await count_attempt(connection, claimed, refused)
        return await settle(connection, claimed, max_attempts)
