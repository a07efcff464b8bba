"""Opens a transaction when there is none, to be helpful: the events commit alone, and what they tell of may not."""
#| exercise: m02-07-ex2
#| caught by: test_ex2_without_a_transaction_it_refuses
async def add_events(connection: Connection, events: Sequence[OutboxEvent]) -> int:
    for event in events:
        check_event(event)
    if not events:
        return 0
    columns = [
        [event.aggregatetype for event in events],
        [event.aggregateid for event in events],
        [event.type for event in events],
        [event.payload for event in events],
        [event.occurred_at for event in events],
    ]
    async with connection.transaction():
        return (await connection.execute(_ADD, columns)).rowcount
