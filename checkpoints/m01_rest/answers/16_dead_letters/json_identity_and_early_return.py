"""Builds the identity from JSON and hex, sorts the errors with a helper, and returns early when nothing waits."""
#| exercise: m01-16-ex1
def letter_id(reject: Reject) -> bytes:
    import json

    return hashlib.sha256(json.dumps([reject.source, reject.stream, reject.raw.hex()]).encode()).digest()


#| exercise: m01-16-ex2
def revive_each(
    claimed: Sequence[DeadLetter], revive: Callable[[DeadLetter], Record]
) -> tuple[list[Record], dict[int, str]]:
    def attempt(letter: DeadLetter) -> Record | str:
        if len(letter.raw) != letter.raw_size_bytes:
            return "only its beginning was kept"
        try:
            return revive(letter)
        except Exception as error:
            if isinstance(error, TransientError | OSError):
                raise
            return repr(error)

    outcomes = [(letter.id, attempt(letter)) for letter in claimed]
    return (
        [outcome for _, outcome in outcomes if not isinstance(outcome, str)],
        {number: outcome for number, outcome in outcomes if isinstance(outcome, str)},
    )


#| exercise: m01-16-ex3
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
        if not (claimed := await claim_letters(connection, source, stream, limit)):
            return Redriven()
        good, bad = revive_each(claimed, revive)
        await count_attempt(connection, claimed, bad)
        if good:
            async with transaction(connection) as inner:
                await land(inner, Batch(records=tuple(good)))
        result = await settle(connection, claimed, max_attempts)
    return result
