# Made from solutions/m01_rest/18_pipeline.ipynb: edit it there.
"""The whole: a source is read ahead, each batch passes the gate, and what passes lands with its position.

Run it with `python -m ingestion.pipeline`.
"""

import logging
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from decimal import Decimal
from functools import partial

import msgspec

from ingestion.console import DONE, Stop, about, command_parser, counted, print_table, progress_bar, run_command
from ingestion.errors import ConfigurationError, IngestionError
from ingestion.http.client import HttpClient
from ingestion.http.stats import ClientStats
from ingestion.landing import land
from ingestion.read_ahead import Gate, ReadAhead, read_ahead
from ingestion.record import Batch, Source
from ingestion.resilience.rate_limiter import RedisRateLimiter
from ingestion.resilience.redis_circuit_breaker import RedisCircuitBreaker
from ingestion.resilience.redis_script import redis_at
from ingestion.resilience.retry import RetryPolicy
from ingestion.resilience.upstream import upstream_name
from ingestion.rest.keyset import KeysetSource
from ingestion.rest.page import RowShape
from ingestion.settings import Settings
from ingestion.store.database import Connection, migrate, open_pool, transaction
from ingestion.store.run_ledger import Landed, Run
from ingestion.store.watermarks import Watermark, hold_source

__all__ = [
    "ORDERS",
    "OnProgress",
    "Order",
    "Progress",
    "close_run",
    "drain",
    "ingest",
    "ingest_orders",
    "let_through",
    "logger",
    "main",
    "pull_orders",
    "rest_client",
]


logger = logging.getLogger(__name__)


class Order(msgspec.Struct):
    """What an order must have to land; whatever else it has lands with it."""

    id: str
    updated_at: datetime
    currency: str
    total: Decimal


ORDERS = RowShape(source="shop", stream="orders", row_type=Order)


class Progress(msgspec.Struct, frozen=True):
    """What a run has done so far.

    Attributes:
        pages: Pages whose rows have landed.
        finished: The source was read to its end.
    """

    landed: Landed = Landed()
    pages: int = 0
    finished: bool = False

    @property
    def rows(self) -> int:
        """How many rows are new, or changed."""
        return self.landed.inserted + self.landed.updated


OnProgress = Callable[[Progress], None]


async def let_through(batch: Batch) -> Batch:
    """Be the gate where no contract is known: everything may land."""
    return batch


async def drain(
    ahead: ReadAhead, land_batch: Callable[[Batch], Awaitable[Landed]], on_progress: OnProgress, stop: Stop
) -> Progress:
    """Land everything that *ahead* has, and say what was done.

    One batch at a time: the next is taken when the last one has landed. *on_progress* hears of a batch once it has
    landed, and of nothing else. A batch in hand when *stop* is wanted still lands, and is the last.

    Args:
        ahead: Gives the batches, each with the number of pages in it.
        land_batch: Lands one batch.
        on_progress: Called after each batch with what the run has done so far.
        stop: Whether to end early; then the run has not `finished`.
    """
    progress = Progress()
    while (taken := await ahead.take()) is not None:
        batch, pages = taken
        progress = Progress(progress.landed + await land_batch(batch), progress.pages + pages)
        on_progress(progress)
        if stop.is_wanted:
            break
    return Progress(progress.landed, progress.pages, finished=not stop.is_wanted)


async def close_run(run: Run, connection: Connection, error: str | None) -> None:
    """Write into the ledger how *run* ended; if the database is what failed, its row stays open."""
    try:
        async with transaction(connection):
            await run.finish(connection, error=error)
    except IngestionError:
        if error is None:
            raise
        logger.warning("%s.%s: the ledger could not be closed", run.source, run.stream)


async def ingest(
    source: Source,
    connection: Connection,
    *,
    gate: Gate = let_through,
    on_progress: OnProgress = lambda progress: None,
    stop: Stop | None = None,
    max_rejected_share: float = 0.1,
) -> Progress:
    """Bring the database up to date with *source*: read from its last position to its end, and land what passes *gate*.

    While the run lasts, no other run of the stream can start; the position is read when that is certain. Rows, rejects,
    position and ledger commit together, so a run that is killed at any moment is continued behind its last commit, and
    the table ends the same. The ledger says how the run ended: succeeded, or failed and why; stopped early is failed.

    Args:
        source: Where the batches come from.
        connection: To the migrated database. It holds the lease and lands: losing it ends both.
        gate: Judges each batch before it lands.
        on_progress: Called after each batch that has landed.
        stop: Ends the run early: after the batch that is landing, or while it waits for the source.
        max_rejected_share: A page of which more than this is refused ends the run, before anything of it lands.

    Raises:
        SourceBusyError: another run holds the stream; nothing was read.
        Exception: what source, gate or database raised, once it is in the ledger. All that landed before stays.
    """
    stop = stop or Stop()
    run = Run.start(source.source, source.stream)
    async with hold_source(connection, source.source, source.stream):
        try:
            async with transaction(connection):
                position = await source.last_position(connection)
            async with read_ahead(source.batches(position), gate, stop) as ahead:
                land_batch = partial(land, connection, run=run, max_rejected_share=max_rejected_share)
                progress = await drain(ahead, land_batch, on_progress, stop)
        except Exception as error:
            await close_run(run, connection, f"{type(error).__name__}: {error}")
            raise
        await close_run(run, connection, None if progress.finished else "stopped early")
    return progress


@asynccontextmanager
async def rest_client(settings: Settings) -> AsyncIterator[HttpClient]:
    """Build the client of the REST API: limiter and breaker are shared by all processes through Redis.

    While Redis is away, each process goes on with its share of the rate and a breaker of its own.
    """
    name = upstream_name(settings.rest_api_url)
    async with AsyncExitStack() as opened:
        redis = redis_at(settings.redis_url.reveal())
        opened.push_async_callback(redis.aclose)
        try:
            limiter = RedisRateLimiter(redis, name, settings.rate_per_s, settings.burst, processes=settings.processes)
        except ValueError as error:
            raise ConfigurationError(f"INGESTION_RATE_PER_S does not fit INGESTION_BURST: {error}") from None
        client = HttpClient(
            settings.rest_api_url,
            retry=RetryPolicy(deadline_s=settings.deadline_s),
            limiter=limiter,
            breaker=RedisCircuitBreaker(redis, name),
        )
        yield await opened.enter_async_context(client)


async def ingest_orders(
    settings: Settings,
    *,
    gate: Gate = let_through,
    on_progress: OnProgress = lambda progress: None,
    stop: Stop | None = None,
) -> tuple[Progress, ClientStats]:
    """Bring the orders up to date: the composition root of the REST pipeline."""
    subject = (
        f"Upstream {settings.rest_api_url} (REST_API_URL), database {settings.db_url} (DB_URL)."
        " Another run goes on where this one stopped"
    )
    with about(subject):
        async with (
            rest_client(settings) as client,
            open_pool(settings.db_url.reveal(), max_connections=2) as pool,
            pool.connection() as connection,
        ):
            await migrate(connection)
            source = KeysetSource(
                client,
                "/orders/keyset",
                ORDERS,
                page_size=settings.page_size,
                lookback_s=settings.lookback_s,
                positions=Watermark,
            )
            return await ingest(source, connection, gate=gate, on_progress=on_progress, stop=stop), client.stats


def main(arguments: list[str] | None = None) -> int:
    """Run the pipeline as a command and give its exit code."""
    parser = command_parser(
        "python -m ingestion.pipeline",
        "Pull the orders that changed since the last run from REST_API_URL, and land each once in DB_URL.",
    )
    return run_command(pull_orders, parser.parse_args(arguments))


async def pull_orders(stop: Stop) -> int:
    """Bring the orders up to date, show the progress, and print what was done."""
    started_s = time.monotonic()
    with progress_bar("orders") as show:
        progress, stats = await ingest_orders(
            Settings.load(), on_progress=lambda now: show(f"{now.rows} landed, {now.pages} pages"), stop=stop
        )
    print(f"{progress.rows} records ingested across {counted(progress.pages, 'paginated page')}")
    if progress.rows == 0 and progress.finished:
        print("0 new: all that the source has had landed before")
    if progress.landed.parked:
        print(f"{progress.landed.parked} rows were parked; see python -m ingestion status")
    row = {"landed": progress.rows, "pages": progress.pages, "requests": stats.requests, "retries": stats.retries}
    waited_s = stats.limited_s + stats.backed_off_s
    print_table([row | {"waits": f"{waited_s:.1f} s", "seconds": f"{time.monotonic() - started_s:.1f}"}])
    return DONE if progress.finished else stop.exit_code


if __name__ == "__main__" and __spec__ is not None:  # run by `python -m`, and not pasted into a shell
    sys.exit(main())
