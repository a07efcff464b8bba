"""Writes each event as it is checked: many statements, and half a call committed by whoever catches the refusal."""
#| exercise: m02-07-ex2
#| caught by: test_ex2_one_statement_however_many, test_ex2_a_call_with_a_broken_event_writes_nothing
async def add_events(connection: Connection, events: Sequence[OutboxEvent]) -> int:
    if connection.info.transaction_status != TransactionStatus.INTRANS:
        raise IngestionError("no transaction is open for the events")
    for event in events:
        check_event(event)
        columns = [[event.aggregatetype], [event.aggregateid], [event.type], [event.payload], [event.occurred_at]]
        await connection.execute(_ADD, columns)
    return len(events)
