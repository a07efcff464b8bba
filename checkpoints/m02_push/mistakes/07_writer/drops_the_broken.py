"""Leaves the broken events out and writes the others: the change commits, and its news is missing."""
#| exercise: m02-07-ex2
#| caught by: test_ex2_a_call_with_a_broken_event_writes_nothing
async def add_events(connection: Connection, events: Sequence[OutboxEvent]) -> int:
    if connection.info.transaction_status != TransactionStatus.INTRANS:
        raise IngestionError("no transaction is open for the events")
    whole = []
    for event in events:
        try:
            check_event(event)
            whole.append(event)
        except ContractViolationError:
            pass
    if not whole:
        return 0
    columns = [
        [event.aggregatetype for event in whole],
        [event.aggregateid for event in whole],
        [event.type for event in whole],
        [event.payload for event in whole],
        [event.occurred_at for event in whole],
    ]
    return (await connection.execute(_ADD, columns)).rowcount
