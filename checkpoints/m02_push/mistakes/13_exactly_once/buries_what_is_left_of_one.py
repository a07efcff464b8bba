"""Buries the last row that remains undelivered: a moment's trouble of Kafka's, and an event is dead."""
#| exercise: m02-13-ex3
#| caught by: test_ex3_undelivered_is_not_refused
async def publish_rows(rows, publish, bury):
    left, position = list(rows), rows[-1].position
    while True:
        outcome = await publish(left, position)
        if outcome.refused:
            at = sorted(outcome.refused)
            await bury([left[i] for i in at], [outcome.refused[i] for i in at])
            left = [r for i, r in enumerate(left) if i not in outcome.refused]
        elif outcome.undelivered:
            if len(left) == 1:
                await bury(left, [outcome.reason])
                left = []
                continue
            left = left[: (len(left) + 1) // 2]
            position = left[-1].position
        else:
            return left, position
