"""Rounds the half down: of one row it tries none, and never finds out who it was."""
#| exercise: m02-13-ex3
#| caught by: test_ex3_a_group_that_is_refused_as_one_is_halved
async def publish_rows(
    rows: Sequence[OutboxRow],
    publish: Callable[[Sequence[OutboxRow], int], Awaitable[Outcome]],
    bury: Callable[[Sequence[OutboxRow], Sequence[str]], Awaitable[None]],
) -> tuple[Sequence[OutboxRow], int]:
    position = rows[-1].position
    while True:
        outcome = await publish(rows, position)
        if outcome.refused:
            await bury([rows[index] for index in outcome.refused], list(outcome.refused.values()))
            rows = [row for index, row in enumerate(rows) if index not in outcome.refused]
        elif outcome.undelivered:
            rows = rows[: len(rows) // 2]
            position = rows[-1].position
        else:
            return rows, position
