"""Sets aside in one transaction and deletes in another: after a crash in between an event is dead and alive at once."""
#| exercise: m02-12-ex2
#| caught by: test_ex2_all_of_it_or_nothing
async def settle(connection: Connection, rows: Sequence[OutboxRow], topics: Mapping[int, str], outcome: Outcome) -> None:
    refused = {rows[index].position: (topics[index], reason) for index, reason in outcome.refused.items()}
    if refused:
        async with transaction(connection):
            await set_aside(connection, refused)
    async with transaction(connection):
        await remove(connection, [row for index, row in enumerate(rows) if index not in outcome.undelivered])
