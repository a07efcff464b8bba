"""Keeps the last event of each key, as one does with rows: of two things that happened one is never told."""
#| exercise: m02-07-ex2
#| caught by: test_ex2_one_statement_however_many
async def add_events(connection, events):
    if connection.info.transaction_status == TransactionStatus.IDLE:
        raise IngestionError("no transaction")
    for event in events:
        check_event(event)
    events = list({e.aggregateid: e for e in events}.values())
    if events:
        await connection.execute(_ADD, [list(c) for c in zip(*((e.aggregatetype, e.aggregateid, e.type, e.payload, e.occurred_at) for e in events))])
    return len(events)
