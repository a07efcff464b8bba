# Made from solutions/m01_rest/18_pipeline.ipynb: edit it there.
"""The whole: a source is read ahead, each batch passes the gate, and what passes lands with its position.

python -m ingestion.pipeline
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import datetime
from decimal import Decimal

import msgspec
from redis.asyncio import Redis

from ingestion.console import DONE, Stop, command_parser, print_table, progress_bar, run_command
from ingestion.errors import IngestionError
from ingestion.http.client import ClientStats, HttpClient
from ingestion.landing import land
from ingestion.read_ahead import Gate, ReadAhead
from ingestion.record import Batch, Source
from ingestion.resilience.rate_limiter import RedisRateLimiter
from ingestion.resilience.redis_circuit_breaker import RedisCircuitBreaker
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
    "PROCESSES",
    "Order",
    "Progress",
    "ingest",
    "ingest_orders",
    "let_through",
    "main",
    "pull_orders",
    "rest_client",
]


# While Redis is away, each process keeps to this part of the rate: at most so many run at once.
PROCESSES = 4


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


async def let_through(batch: Batch) -> Batch:
    """Be the gate where no contract is known: everything may land."""
    return batch


async def ingest(
    source: Source,
    connection: Connection,
    *,
    gate: Gate = let_through,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    stop: Stop | None = None,
    max_rejected_share: float = 0.1,
) -> Progress:
    """Read *source* from its last position and land all that it has.

    While the run lasts, no other run of the stream can start. Rows, rejects, position and ledger commit together:
    killed at any moment, the next run goes on behind the last commit and ends in the same table.

    Args:
        source: Where the batches come from.
        gate: Judges each batch before it lands.
        connection: To the migrated database. It holds the lease and lands: losing it ends both.
        on_progress: Called after each transaction.
        stop: Looked at after each transaction, and while waiting for the source.
        max_rejected_share: A page of which more than this is refused ends the run, before anything of it lands.

    Raises:
        SourceBusyError: another run holds the stream.
        ContractViolationError: too much of a page was refused.
        IngestionError: what the source or the database raised; all that landed before stays.
    """
    run, progress = Run.start(source.source, source.stream), Progress()
    async with hold_source(connection, source.source, source.stream):
        try:
            async with transaction(connection):
                position = await source.last_position(connection)
            async with ReadAhead(source.batches(position), gate) as ahead, _stopping(ahead, stop):
                while (taken := await ahead.take()) is not None:
                    batch, pages = taken
                    landed = await land(connection, batch, run, max_rejected_share=max_rejected_share)
                    progress = Progress(progress.landed + landed, progress.pages + pages)
                    on_progress(progress)
                finished = not (stop and stop.is_wanted)
        except IngestionError as error:
            error.add_note(f"What has landed in this run stays: {progress.rows} rows")
            with suppress(IngestionError):  # where the database is what failed, the ledger's row stays open
                await _finish(run, connection, error=str(error))
            raise
        await _finish(run, connection, error=None if finished else "stopped by a signal")
    return Progress(progress.landed, progress.pages, finished)


@asynccontextmanager
async def _stopping(ahead: ReadAhead, stop: Stop | None) -> AsyncIterator[None]:
    """Stop reading as soon as *stop* is wanted; a batch that is landing lands."""
    if stop is None:
        yield
        return

    async def watch() -> None:
        await stop.wait()
        ahead.stop()

    watcher = asyncio.create_task(watch())
    try:
        yield
    finally:
        watcher.cancel()


async def _finish(run: Run, connection: Connection, *, error: str | None) -> None:
    async with transaction(connection):
        await run.finish(connection, error=error)


@asynccontextmanager
async def rest_client(settings: Settings) -> AsyncIterator[HttpClient]:
    """Build the client of the REST API: limiter and breaker are shared by all processes through Redis.

    While Redis is away, each process goes on with a quarter of the rate and a breaker of its own.
    """
    name = upstream_name(settings.rest_api_url)
    async with AsyncExitStack() as opened:
        # With a socket timeout, redis-py waits by `asyncio.wait_for`, which before Python 3.12 swallows a
        # cancellation now and then. The scripts keep a time limit of their own.
        redis = Redis.from_url(settings.redis_url.reveal(), socket_connect_timeout=1, socket_timeout=None)
        opened.push_async_callback(redis.aclose)
        limiter = RedisRateLimiter(redis, name, settings.rate_per_s, settings.burst, processes=PROCESSES)
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
    on_progress: Callable[[Progress], None] = lambda progress: None,
    stop: Stop | None = None,
) -> tuple[Progress, ClientStats]:
    """Bring the orders up to date: the composition root of the REST pipeline."""
    async with (
        _named(settings),
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


@asynccontextmanager
async def _named(settings: Settings) -> AsyncIterator[None]:
    """Add to an error what it was about, and where to change that."""
    try:
        yield
    except IngestionError as error:
        error.add_note(
            f"Upstream {settings.rest_api_url} (REST_API_URL), database {settings.db_url} (DB_URL)."
            " Another run goes on where this one stopped"
        )
        raise


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
    print(f"{progress.rows} records ingested across {progress.pages} paginated pages")
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
