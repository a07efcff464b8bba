"""Does not look at stop: a deployment waits for the whole backfill, and then kills it."""
#| exercise: m01-18-ex1
#| caught by: test_ex1_a_stop_lets_the_batch_in_hand_land
async def drain(
    ahead: ReadAhead, land_batch: Callable[[Batch], Awaitable[Landed]], on_progress: OnProgress, stop: Stop
) -> Progress:
    progress = Progress()
    while (taken := await ahead.take()) is not None:
        batch, pages = taken
        progress = Progress(progress.landed + await land_batch(batch), progress.pages + pages)
        on_progress(progress)
    return Progress(progress.landed, progress.pages, finished=not stop.is_wanted)
