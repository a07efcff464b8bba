"""Gives the columns in the order of the table instead of the statement: the types fit, and keys become kinds."""
#| exercise: m02-07-ex2
#| caught by: test_ex2_every_field_arrives
async def add_events(connection: Connection, events: Sequence[OutboxEvent]) -> int:
    if connection.info.transaction_status != TransactionStatus.INTRANS:
        raise IngestionError("no transaction is open for the events")
    for event in events:
        check_event(event)
    if not events:
        return 0
    columns = [
        [event.aggregateid for event in events],
        [event.aggregatetype for event in events],
        [event.type for event in events],
        [event.payload for event in events],
        [event.occurred_at for event in events],
    ]
    return (await connection.execute(_ADD, columns)).rowcount
