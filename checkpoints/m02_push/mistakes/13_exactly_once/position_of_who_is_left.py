"""Takes the last of those that are left: a refused last row stays before the position, and is refused again for ever."""
#| exercise: m02-13-ex3
#| caught by: test_ex3_the_refused_are_buried_before_the_position_passes
async def publish_rows(
    rows: Sequence[OutboxRow],
    publish: Callable[[Sequence[OutboxRow], int], Awaitable[Outcome]],
    bury: Callable[[Sequence[OutboxRow], Sequence[str]], Awaitable[None]],
) -> tuple[Sequence[OutboxRow], int]:
    position = rows[-1].position
    while True:
        position = rows[-1].position if rows else position
        outcome = await publish(rows, position)
        if outcome.refused:
            await bury([rows[index] for index in outcome.refused], list(outcome.refused.values()))
            rows = [row for index, row in enumerate(rows) if index not in outcome.refused]
        elif outcome.undelivered:
            rows = rows[: (len(rows) + 1) // 2]
            position = rows[-1].position
        else:
            return rows, position
