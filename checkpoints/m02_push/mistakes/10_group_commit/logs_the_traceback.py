"""Logs with logger.exception(): forty lines for each batch of an outage, and what the exceptions on the way quote."""
#| exercise: m02-10-ex2
#| caught by: test_ex2_a_line_in_the_log_and_no_body_in_it
async def commit_batch(commit, batch, *, within_s):
    try:
        async with asyncio.timeout(within_s):
            fates = await commit([w.delivery for w in batch])
        if len(fates) != len(batch):
            raise IngestionError("fates")
    except asyncio.CancelledError:
        turn_away(batch, "not stored", retry_after_s=2.0)
        raise
    except Exception:
        logger.exception("not stored")
        turn_away(batch, "not stored", retry_after_s=2.0)
        return False
    for w, f in zip(batch, fates):
        if not w.fate.done():
            w.fate.set_result(f)
    return True
