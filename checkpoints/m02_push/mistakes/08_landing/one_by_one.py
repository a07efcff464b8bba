"""Tries each record alone: right, and 512 round trips for one bad row."""
#| exercise: m02-08-ex2
#| caught by: test_ex2_a_single_bad_one_costs_few_tries
async def change_what_fits(
    connection: Connection, records: Sequence[Record], rejects: Rejects, change: Change
) -> tuple[int, int]:
    inserted = updated = 0
    for ordinal, record in sorted(enumerate(records), key=lambda item: (item[1].source, item[1].stream, item[1].key)):
        try:
            async with connection.transaction():
                new, changed = await change(connection, [record])
        except RefusedError as error:
            rejects.add(Reject(record.source, record.stream, record.payload, str(error), ordinal))
        else:
            inserted, updated = inserted + new, updated + changed
    return inserted, updated
