"""Lets a passing failure of landing pass: the letters are marked, and nothing has landed."""
#| exercise: m01-16-ex3
#| caught by: test_ex3_a_crash_leaves_everything_as_it_was
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
            try:
                await land(connection, Batch(tuple(records)))
            except TransientError:
                pass  # it will land the next time
        return await settle(connection, claimed, max_attempts)
