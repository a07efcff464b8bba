"""Takes the kind of lock that ends with the transaction: it is gone before the first row is read."""
#| exercise: m02-12-ex1
#| caught by: test_ex1_it_lasts_beyond_transactions, test_ex1_the_wanted_lanes_in_their_order
async def take_lanes(connection: Connection, wanted: Sequence[int], limit: int) -> list[int]:
    # The limit ends the scan: no lane is asked for beyond it. With an ORDER BY all would be.
    statement = "SELECT lane FROM unnest(%b::int4[]) AS lane WHERE pg_try_advisory_xact_lock(%b::int4, lane) LIMIT %b"
    async with transaction(connection):
        found = await connection.execute(statement, [list(wanted), LANE_LOCKS, limit])
        return [lane for (lane,) in await found.fetchall()]
