"""Has no time-out: one lock in the database, and all writers stand still while the line behind them fills."""
#| exercise: m02-10-ex2
#| caught by: test_ex2_a_commit_that_hangs_is_given_up
async def commit_batch(commit: Commit, batch: Sequence[Waiting], *, within_s: float) -> bool:
    """Commit *batch*, and then tell each of its requests what became of its own delivery; say whether it committed.

    Nobody is told anything before *commit* has returned. Whatever it raises, and when it takes longer than
    *within_s*, all of the batch are turned away, with no word of what was wrong: the log has that. A request that is
    gone is no reason not to tell the others. Only a cancellation leaves this function as an exception, and by then
    the batch has been turned away.
    """
    try:
        fates = await commit([waiting.delivery for waiting in batch])
        for waiting, fate in zip(batch, fates, strict=True):
            if not waiting.fate.done():
                waiting.fate.set_result(fate)
    except Exception as error:
        what = str(error) if isinstance(error, IngestionError) else type(error).__name__
        logger.warning("%d deliveries were not stored: %s", len(batch), what)
        return False
    else:
        return True
    finally:
        turn_away(batch, "not stored", retry_after_s=2.0)
