"""Calls every run finished that ended without an error: a run that was stopped looks complete."""
#| exercise: m01-18-ex1
#| caught by: test_ex1_a_stop_while_waiting_is_not_finished, test_ex1_a_stop_lets_the_batch_in_hand_land
async def drain(
    ahead: ReadAhead, land_batch: Callable[[Batch], Awaitable[Landed]], on_progress: OnProgress, stop: Stop
) -> Progress:
    progress = Progress()
    while (taken := await ahead.take()) is not None:
        batch, pages = taken
        progress = Progress(progress.landed + await land_batch(batch), progress.pages + pages)
        on_progress(progress)
        if stop.is_wanted:
            break
    return Progress(progress.landed, progress.pages, finished=True)
