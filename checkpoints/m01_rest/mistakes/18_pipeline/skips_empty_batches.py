"""Skips a batch without records: its rejects are lost, and its position is never saved."""
#| exercise: m01-18-ex1
#| caught by: test_ex1_a_batch_without_rows_lands_too
async def drain(
    ahead: ReadAhead, land_batch: Callable[[Batch], Awaitable[Landed]], on_progress: OnProgress, stop: Stop
) -> Progress:
    progress = Progress()
    while (taken := await ahead.take()) is not None:
        batch, pages = taken
        if not batch.records:
            continue
        progress = Progress(progress.landed + await land_batch(batch), progress.pages + pages)
        on_progress(progress)
        if stop.is_wanted:
            break
    return Progress(progress.landed, progress.pages, finished=not stop.is_wanted)
