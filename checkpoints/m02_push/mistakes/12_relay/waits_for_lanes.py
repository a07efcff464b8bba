"""Takes the lock that waits: the second relay stands still until the first one ends, and two of them can wait for each other."""
#| exercise: m02-12-ex1
#| caught by: test_ex1_lanes_of_others_are_skipped
async def take_lanes(connection: Connection, wanted: Sequence[int], limit: int) -> list[int]:
    taken = []
    async with transaction(connection):
        for lane in wanted[:limit]:
            await connection.execute("SELECT pg_advisory_lock(%b::int4, %b::int4)", [LANE_LOCKS, lane])
            taken.append(lane)
    return taken
