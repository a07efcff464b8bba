"""Looks at stop when it has taken a batch and throws that batch away: work in hand is lost."""
#| exercise: m01-18-ex1
#| caught by: test_ex1_a_stop_lets_the_batch_in_hand_land
async def drain(
    ahead: ReadAhead, land_batch: Callable[[Batch], Awaitable[Landed]], on_progress: OnProgress, stop: Stop
) -> Progress:
    import asyncio

    progress = Progress()
    while (taken := await ahead.take()) is not None:
        landing = asyncio.ensure_future(land_batch(taken[0]))
        while not landing.done() and not stop.is_wanted:
            await asyncio.wait([landing], timeout=0.1)
        if stop.is_wanted:
            landing.cancel()
            break
        progress = Progress(progress.landed + landing.result(), progress.pages + taken[1])
        on_progress(progress)
    return Progress(progress.landed, progress.pages, finished=not stop.is_wanted)
