"""Loads the position outside the try: a run that fails there leaves no trace in the ledger."""
#| exercise: m01-18-ex2
#| caught by: test_ex2_no_position_is_a_failure_too
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
        async with transaction(connection):
            position = await source.last_position(connection)
        try:
            async with read_ahead(source.batches(position), gate, stop) as ahead:
                land_batch = partial(land, connection, run=run, max_rejected_share=max_rejected_share)
                progress = await drain(ahead, land_batch, on_progress, stop)
        except Exception as error:
            await close_run(run, connection, f"{type(error).__name__}: {error}")
            raise
        await close_run(run, connection, None if progress.finished else "stopped early")
    return progress
