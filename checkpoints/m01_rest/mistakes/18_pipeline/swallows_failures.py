"""Logs a batch that failed to land and goes on: the next position covers its rows."""
#| exercise: m01-18-ex1
#| caught by: test_ex1_a_failure_goes_through
async def drain(
    ahead: ReadAhead, land_batch: Callable[[Batch], Awaitable[Landed]], on_progress: OnProgress, stop: Stop
) -> Progress:
    progress = Progress()
    while (taken := await ahead.take()) is not None:
        batch, pages = taken
        try:
            landed = await land_batch(batch)
        except Exception:
            logger.exception("could not land")
            continue
        progress = Progress(progress.landed + landed, progress.pages + pages)
        on_progress(progress)
        if stop.is_wanted:
            break
    return Progress(progress.landed, progress.pages, finished=not stop.is_wanted)
