"""Retries the transaction when it fails: it may have committed, and then everything is there twice."""
#| exercise: m02-13-ex3
#| caught by: test_ex3_what_is_not_known_is_not_guessed
async def publish_rows(
    rows: Sequence[OutboxRow],
    publish: Callable[[Sequence[OutboxRow], int], Awaitable[Outcome]],
    bury: Callable[[Sequence[OutboxRow], Sequence[str]], Awaitable[None]],
) -> tuple[Sequence[OutboxRow], int]:
    position = rows[-1].position
    while True:
        try:
            outcome = await publish(rows, position)
        except Exception:
            outcome = await publish(rows, position)
        if outcome.refused:
            await bury([rows[index] for index in outcome.refused], list(outcome.refused.values()))
            rows = [row for index, row in enumerate(rows) if index not in outcome.refused]
        elif outcome.undelivered:
            rows = rows[: (len(rows) + 1) // 2]
            position = rows[-1].position
        else:
            return rows, position
