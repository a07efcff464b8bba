"""Has nothing to publish when all are refused, and returns: Kafka's position stays before them."""
#| exercise: m02-13-ex3
#| caught by: test_ex3_nobody_left
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
            if not rows:
                return [], position
        elif outcome.undelivered:
            rows = rows[: (len(rows) + 1) // 2]
            position = rows[-1].position
        else:
            return rows, position
