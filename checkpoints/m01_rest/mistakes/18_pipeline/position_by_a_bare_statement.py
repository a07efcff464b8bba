"""Loads the position without a transaction of its own: the statement opens one, and every landing is a savepoint in it."""
#| exercise: m01-18-ex2
#| caught by: test_ex2_each_batch_commits_for_itself
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
            position = await source.last_position(connection)
            async with read_ahead(source.batches(position), gate, stop) as ahead:
                land_batch = partial(land, connection, run=run, max_rejected_share=max_rejected_share)
                progress = await drain(ahead, land_batch, on_progress, stop)
        except Exception as error:
            await close_run(run, connection, f"{type(error).__name__}: {error}")
            raise
        await close_run(run, connection, None if progress.finished else "stopped early")
    return progress
