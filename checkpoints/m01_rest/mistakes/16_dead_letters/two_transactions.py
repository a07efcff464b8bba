"""Claims and marks in one transaction and lands in the next: a crash in between marks what never landed."""
#| exercise: m01-16-ex3
#| caught by: test_ex3_a_crash_leaves_everything_as_it_was, test_ex3_nobody_sees_half_of_it
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
        await count_attempt(connection, claimed, refused)
    async with transaction(door) as connection:
        if records:
            await land(connection, Batch(tuple(records)))
        return await settle(connection, claimed, max_attempts)
