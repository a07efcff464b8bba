"""Commits, so that the relay sees the events sooner: and the caller's rollback comes too late."""
#| exercise: m02-07-ex2
#| caught by: test_ex2_both_or_neither, test_ex2_works_inside_a_savepoint
async def add_events(connection: Connection, events: Sequence[OutboxEvent]) -> int:
    if connection.info.transaction_status != TransactionStatus.INTRANS:
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
    written = (await connection.execute(_ADD, columns)).rowcount
    await connection.commit()
    return written
