"""Finds a record's place with list.index(): of equal records it always finds the first."""
#| exercise: m02-08-ex2
#| caught by: test_ex2_equal_records_have_places_of_their_own
async def change_what_fits(connection, records, rejects, change):
    ordered = sorted(records, key=lambda r: (r.source, r.stream, r.key))
    async def go(lo, hi):
        try:
            async with connection.transaction():
                return await change(connection, ordered[lo:hi])
        except RefusedError as error:
            if hi - lo == 1:
                r = ordered[lo]
                rejects.add(Reject(r.source, r.stream, r.payload, str(error), records.index(r)))
                return 0, 0
            mid = (lo + hi) // 2
            a = await go(lo, mid)
            b = await go(mid, hi)
            return a[0] + b[0], a[1] + b[1]
    return await go(0, len(ordered)) if ordered else (0, 0)
