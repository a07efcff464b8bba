"""Reports a batch when it is taken: what fails to land has been shown as done."""
#| exercise: m01-18-ex1
#| caught by: test_ex1_progress_is_what_has_landed, test_ex1_a_failure_goes_through
async def drain(
    ahead: ReadAhead, land_batch: Callable[[Batch], Awaitable[Landed]], on_progress: OnProgress, stop: Stop
) -> Progress:
    progress = Progress()
    while (taken := await ahead.take()) is not None:
        batch, pages = taken
        on_progress(Progress(progress.landed, progress.pages + pages))
        progress = Progress(progress.landed + await land_batch(batch), progress.pages + pages)
        if stop.is_wanted:
            break
    return Progress(progress.landed, progress.pages, finished=not stop.is_wanted)
