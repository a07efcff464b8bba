"""Pairs rows in their order with reasons in the order of the reports: dead events have each other's reasons."""
#| exercise: m02-13-ex3
#| caught by: test_ex3_the_refused_are_buried_before_the_position_passes
async def publish_rows(rows, publish, bury):
    left, position = list(rows), rows[-1].position
    while True:
        outcome = await publish(left, position)
        if outcome.refused:
            await bury([r for i, r in enumerate(left) if i in outcome.refused], list(outcome.refused.values()))
            left = [r for i, r in enumerate(left) if i not in outcome.refused]
        elif outcome.undelivered:
            left = left[: (len(left) + 1) // 2]
            position = left[-1].position
        else:
            return left, position
