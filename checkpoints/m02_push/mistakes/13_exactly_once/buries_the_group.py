"""Buries all that is undelivered: one poisoned event takes a batch of good ones with it."""
#| exercise: m02-13-ex3
#| caught by: test_ex3_a_group_that_is_refused_as_one_is_halved, test_ex3_each_once_in_order_whatever_is_refused
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
            await bury(rows, [outcome.reason] * len(rows))
            rows = []
        else:
            return rows, position
