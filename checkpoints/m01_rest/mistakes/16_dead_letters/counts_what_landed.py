"""Counts attempts for what was revived only: the refused ones are refused for ever."""
#| exercise: m01-16-ex3
#| caught by: test_ex3_refused_too_often_goes_to_quarantine, test_ex3_lands_marks_and_counts
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
        await count_attempt(connection, [letter for letter in claimed if letter.id not in refused], {})
        if records:
            await land(connection, Batch(tuple(records)))
        return await settle(connection, claimed, max_attempts)
