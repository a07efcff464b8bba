"""Sorts the rows by position before it looks up the indices, which count in the rows as they were given."""
#| exercise: m02-12-ex2
#| caught by: test_ex2_delivered_go_undelivered_stay_refused_are_set_aside
async def settle(connection, rows, topics, outcome):
    ordered = sorted(rows, key=lambda r: r.position)
    async with transaction(connection):
        await set_aside(connection, {ordered[i].position: (topics[i], why) for i, why in outcome.refused.items()})
        await remove(connection, [r for i, r in enumerate(ordered) if i not in outcome.undelivered])
