"""Remembers places by key: of two versions of one key only the last has its own."""
#| exercise: m02-08-ex2
#| caught by: test_ex2_equal_records_have_places_of_their_own
async def change_what_fits(connection, records, rejects, change):
    place = {(r.source, r.stream, r.key): i for i, r in enumerate(records)}
    ordered = sorted(records, key=lambda r: (r.source, r.stream, r.key))
    async def go(part):
        if not part:
            return 0, 0
        try:
            async with connection.transaction():
                return await change(connection, part)
        except RefusedError as error:
            if len(part) == 1:
                r = part[0]
                rejects.add(Reject(r.source, r.stream, r.payload, str(error), place[r.source, r.stream, r.key]))
                return 0, 0
        mid = len(part) // 2
        a = await go(part[:mid])
        b = await go(part[mid:])
        return a[0] + b[0], a[1] + b[1]
    return await go(ordered)
