"""Asks whether the connection is in autocommit: an idle one is not, and its next statement opens a transaction that nobody meant."""
#| exercise: m02-07-ex2
#| caught by: test_ex2_without_a_transaction_it_refuses
async def add_events(connection: Connection, events: Sequence[OutboxEvent]) -> int:
    if connection.autocommit:
        raise IngestionError("no transaction is open for the events")
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
    return (await connection.execute(_ADD, columns)).rowcount
