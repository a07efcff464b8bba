"""Leaves the time to come back at its default of one second, meant for a full line and not for a database that is down."""
#| exercise: m02-10-ex2
#| caught by: test_ex2_a_batch_that_fails_is_turned_away
async def commit_batch(commit, batch, *, within_s):
    try:
        async with asyncio.timeout(within_s):
            fates = await commit([w.delivery for w in batch])
        if len(fates) != len(batch):
            raise IngestionError("fates")
    except asyncio.CancelledError:
        turn_away(batch, "not stored")
        raise
    except Exception as e:
        logger.error("not stored: %s", e)
        turn_away(batch, "not stored")
        return False
    for w, f in zip(batch, fates):
        if not w.fate.done():
            w.fate.set_result(f)
    return True
