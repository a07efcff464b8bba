"""Tries in the transaction itself: what a refused try has written stays, or the transaction is broken for all."""
#| exercise: m02-08-ex2
#| caught by: test_ex2_the_bad_are_rejected_and_the_others_land
async def change_what_fits(
    connection: Connection, records: Sequence[Record], rejects: Rejects, change: Change
) -> tuple[int, int]:
    inserted = updated = 0
    pieces = [sorted(enumerate(records), key=lambda item: (item[1].source, item[1].stream, item[1].key))]
    while pieces:
        piece = pieces.pop()
        try:
            new, changed = await change(connection, [record for _, record in piece])
        except RefusedError as error:
            half = len(piece) // 2
            if half:
                pieces += [piece[half:], piece[:half]]
            else:
                [(ordinal, record)] = piece
                rejects.add(Reject(record.source, record.stream, record.payload, str(error), ordinal))
        else:
            inserted, updated = inserted + new, updated + changed
    return inserted, updated
