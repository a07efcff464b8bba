"""Buries when all is published: a kill in between, and the position has passed an event that is nowhere."""
#| exercise: m02-13-ex3
#| caught by: test_ex3_the_refused_are_buried_before_the_position_passes
async def publish_rows(
    rows: Sequence[OutboxRow],
    publish: Callable[[Sequence[OutboxRow], int], Awaitable[Outcome]],
    bury: Callable[[Sequence[OutboxRow], Sequence[str]], Awaitable[None]],
) -> tuple[Sequence[OutboxRow], int]:
    position = rows[-1].position
    dead: list[OutboxRow] = []
    reasons: list[str] = []
    while True:
        outcome = await publish(rows, position)
        if outcome.refused:
            dead += [rows[index] for index in outcome.refused]
            reasons += outcome.refused.values()
            rows = [row for index, row in enumerate(rows) if index not in outcome.refused]
        elif outcome.undelivered:
            rows = rows[: (len(rows) + 1) // 2]
            position = rows[-1].position
        else:
            if dead:
                await bury(dead, reasons)
            return rows, position
