"""A loop with a flag, an exit stack in the place of nested blocks, and a lambda in the place of `partial`."""
#| exercise: m01-18-ex1
async def drain(
    ahead: ReadAhead, land_batch: Callable[[Batch], Awaitable[Landed]], on_progress: OnProgress, stop: Stop
) -> Progress:
    landed, pages, goes_on = Landed(), 0, True
    while goes_on:
        taken = await ahead.take()
        if taken is None:
            break
        landed = landed + await land_batch(taken[0])
        pages += taken[1]
        on_progress(Progress(landed, pages))
        goes_on = not stop.is_wanted
    return Progress(landed, pages, not stop.is_wanted)


#| exercise: m01-18-ex2
async def ingest(
    source: Source,
    connection: Connection,
    *,
    gate: Gate = let_through,
    on_progress: OnProgress = lambda progress: None,
    stop: Stop | None = None,
    max_rejected_share: float = 0.1,
) -> Progress:
    wish = Stop() if stop is None else stop
    run = Run.start(source.source, source.stream)
    outcome: str | None = "cancelled"
    async with AsyncExitStack() as opened:
        await opened.enter_async_context(hold_source(connection, source.source, source.stream))
        try:
            async with connection.transaction():
                start = await source.last_position(connection)
            async with AsyncExitStack() as reading:
                ahead = await reading.enter_async_context(read_ahead(source.batches(start), gate, wish))
                progress = await drain(
                    ahead,
                    lambda batch: land(connection, batch, run, max_rejected_share=max_rejected_share),
                    on_progress,
                    wish,
                )
            outcome = "stopped early" if not progress.finished else None
        except Exception as error:
            outcome = repr(error)
            raise
        finally:
            await close_run(run, connection, outcome)
    return progress
