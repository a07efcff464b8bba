"""Sorts the lanes, to be tidy: Postgres sorts before it limits, so all lanes are locked, and those beyond the limit for good."""
#| exercise: m02-12-ex1
#| caught by: test_ex1_the_wanted_lanes_in_their_order
async def take_lanes(connection: Connection, wanted: Sequence[int], limit: int) -> list[int]:
    # The limit ends the scan: no lane is asked for beyond it. With an ORDER BY all would be.
    statement = "SELECT lane FROM unnest(%b::int4[]) AS lane WHERE pg_try_advisory_lock(%b::int4, lane) ORDER BY array_position(%b::int4[], lane) LIMIT %b"
    async with transaction(connection):
        found = await connection.execute(statement, [list(wanted), LANE_LOCKS, list(wanted), limit])
        return [lane for (lane,) in await found.fetchall()]
