"""Starts from the beginning every night: it works until the table is large."""
#| exercise: m01-18-ex2
#| caught by: test_ex2_goes_on_from_the_last_position
async def ingest(
    source: Source,
    connection: Connection,
    *,
    gate: Gate = let_through,
    on_progress: OnProgress = lambda progress: None,
    stop: Stop | None = None,
    max_rejected_share: float = 0.1,
) -> Progress:
    stop = stop or Stop()
    run = Run.start(source.source, source.stream)
    async with hold_source(connection, source.source, source.stream):
        try:
            async with transaction(connection):
                position = await source.last_position(connection)
            async with read_ahead(source.batches(None), gate, stop) as ahead:
                land_batch = partial(land, connection, run=run, max_rejected_share=max_rejected_share)
                progress = await drain(ahead, land_batch, on_progress, stop)
        except Exception as error:
            await close_run(run, connection, f"{type(error).__name__}: {error}")
            raise
        await close_run(run, connection, None if progress.finished else "stopped early")
    return progress
