"""Lands batches side by side to be quick: positions overtake each other, and a crash skips what was slower."""
#| exercise: m01-18-ex1
#| caught by: test_ex1_one_batch_at_a_time
async def drain(
    ahead: ReadAhead, land_batch: Callable[[Batch], Awaitable[Landed]], on_progress: OnProgress, stop: Stop
) -> Progress:
    import asyncio

    landings, pages = [], 0
    while (taken := await ahead.take()) is not None:
        landings.append(asyncio.ensure_future(land_batch(taken[0])))
        pages += taken[1]
        if stop.is_wanted:
            break
    progress = Progress()
    for landed in await asyncio.gather(*landings):
        progress = Progress(progress.landed + landed, pages)
        on_progress(progress)
    return Progress(progress.landed, pages, finished=not stop.is_wanted)
