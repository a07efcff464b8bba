"""Reports each batch as the end: whoever watches believes a run to be over that goes on."""
#| exercise: m01-18-ex1
#| caught by: test_ex1_progress_is_what_has_landed
async def drain(
    ahead: ReadAhead, land_batch: Callable[[Batch], Awaitable[Landed]], on_progress: OnProgress, stop: Stop
) -> Progress:
    progress = Progress()
    while (taken := await ahead.take()) is not None:
        batch, pages = taken
        progress = Progress(progress.landed + await land_batch(batch), progress.pages + pages)
        on_progress(Progress(progress.landed, progress.pages, finished=True))
        if stop.is_wanted:
            break
    return Progress(progress.landed, progress.pages, finished=not stop.is_wanted)
