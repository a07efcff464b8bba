"""Asks and does not look at the answer: both relays are in every lane."""
#| exercise: m02-12-ex1
#| caught by: test_ex1_lanes_of_others_are_skipped
async def take_lanes(connection: Connection, wanted: Sequence[int], limit: int) -> list[int]:
    async with transaction(connection):
        for lane in wanted[:limit]:
            await connection.execute("SELECT pg_try_advisory_lock(%b::int4, %b::int4)", [LANE_LOCKS, lane])
    return list(wanted[:limit])
