"""Counts batches where pages were asked for: five pages that landed together are reported as one."""
#| exercise: m01-18-ex1
#| caught by: test_ex1_everything_lands_and_is_counted
async def drain(
    ahead: ReadAhead, land_batch: Callable[[Batch], Awaitable[Landed]], on_progress: OnProgress, stop: Stop
) -> Progress:
    progress = Progress()
    while (taken := await ahead.take()) is not None:
        batch, pages = taken
        progress = Progress(progress.landed + await land_batch(batch), progress.pages + 1)
        on_progress(progress)
        if stop.is_wanted:
            break
    return Progress(progress.landed, progress.pages, finished=not stop.is_wanted)
