"""Sorts by the key alone, which is no order once a batch holds several streams."""
#| exercise: m02-08-ex2
#| caught by: test_ex2_the_order_is_that_of_source_stream_and_key
async def change_what_fits(connection, records, rejects, change):
    ordered = sorted(enumerate(records), key=lambda p: p[1].key)
    async def go(part):
        if not part:
            return 0, 0
        try:
            async with connection.transaction():
                return await change(connection, [r for _, r in part])
        except RefusedError as error:
            if len(part) == 1:
                i, r = part[0]
                rejects.add(Reject(r.source, r.stream, r.payload, str(error), i))
                return 0, 0
        mid = len(part) // 2
        a = await go(part[:mid])
        b = await go(part[mid:])
        return a[0] + b[0], a[1] + b[1]
    return await go(ordered)
