# Made from solutions/m02_push/18_ingester.ipynb: edit it there.
"""The command line: `python -m ingestion --help`."""

import argparse
import sys
from collections.abc import Callable
from functools import partial

from msgspec.structs import astuple

from ingestion.console import DONE, Stop, command_parser, counted, print_table, run_command
from ingestion.files.outcomes import failed_files, retry_failed
from ingestion.files.rejects import row_of
from ingestion.landing import land
from ingestion.pipeline import ORDERS, pull_orders
from ingestion.record import Batch, Record
from ingestion.rest.page import record_of
from ingestion.settings import Settings
from ingestion.store.database import Connection, Pool, migrate, open_pool, transaction
from ingestion.store.dead_letters import DeadLetter, Redriven, parked_streams, redrive
from ingestion.store.overview import StreamOverview, overview
from ingestion.store.run_ledger import Landed, Run

__all__ = ["apply_migrations", "load_drops", "main", "redrive_parked", "relay_events", "show_status"]


def main(arguments: list[str] | None = None) -> int:
    """Run one command and give its exit code."""
    options = _parser().parse_args(arguments)
    given = {name: getattr(options, name) for name in options.takes}
    return run_command(partial(options.command, **given), options)


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "python -m ingestion", "Fault-tolerant ingestion. Settings come from the environment and .env."
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="command")
    for name, command, text in (
        ("migrate", apply_migrations, "bring the database's schema up to date"),
        ("run", pull_orders, "pull what changed since the last run, and land it"),
        ("drops", load_drops, "load the files that are new in the bucket"),
        ("relay", relay_events, "publish what has landed to Kafka"),
        ("status", show_status, "show where every stream stands"),
        ("redrive", redrive_parked, "try the parked rows and the failed files once more"),
    ):
        command_line = commands.add_parser(name, help=text, description=text)
        command_line.set_defaults(command=command, takes=())
        if name == "relay":
            command_line.set_defaults(takes=("exactly_once", "drain"))
            command_line.add_argument("--exactly-once", action="store_true", help="publish in Kafka transactions")
            command_line.add_argument("--drain", action="store_true", help="end when the outbox is empty")
    return parser


async def apply_migrations(stop: Stop) -> int:
    """Apply the migrations that the database lacks."""
    async with open_pool(Settings.load().db_url.reveal(), max_connections=1) as pool:
        applied = await migrate(pool)
    print("\n".join(f"applied {name}" for name in applied) or "up to date")
    return DONE


async def load_drops(stop: Stop) -> int:
    """Load the files that are new."""
    from ingestion.drops import pull_drops  # no other command needs S3

    return await pull_drops(stop)


async def relay_events(stop: Stop, *, exactly_once: bool, drain: bool) -> int:
    """Publish what is in the outbox, until asked to stop; with *drain* until it is empty."""
    from ingestion.outbox.service import run_relay  # no other command needs Kafka

    settings = Settings.load()
    published = await run_relay(
        settings.db_url.reveal(),
        settings.kafka_servers,
        settings.kafka_topic,
        stopped=stop.wait,
        exactly_once=exactly_once,
        until_empty=drain,
    )
    print(f"{published:,} events published to {settings.kafka_topic}")
    return DONE  # to be stopped is how a relay ends


async def show_status(stop: Stop) -> int:
    """Print a row for each stream, and what went wrong last."""
    async with open_pool(Settings.load().db_url.reveal(), max_connections=1) as pool, transaction(pool) as connection:
        streams = await overview(connection)
        failed = await failed_files(connection)
    if streams:
        print_table([_cells(stream) for stream in streams])
    else:
        print("nothing has landed yet")
    for stream in streams:
        if stream.last_error:
            print(f"{stream.source}.{stream.stream}: {stream.last_error}")
    for file in failed:
        print(f"failed: s3://{file.bucket}/{file.key}: {file.reason}")
    return DONE


def _cells(stream: StreamOverview) -> dict[str, object]:
    return {
        "stream": f"{stream.source}.{stream.stream}",
        "rows": stream.rows,
        "parked": stream.parked,
        "quarantined": stream.quarantined,
        "read up to": f"{stream.read_up_to:%Y-%m-%d %H:%M:%S}" if stream.read_up_to else "-",
        "last run": stream.last_status or "-",
        "at": f"{stream.last_run_at:%Y-%m-%d %H:%M:%S}" if stream.last_run_at else "-",
    }


async def redrive_parked(stop: Stop) -> int:
    """Try every parked row once more, put the files that failed back in line, and say what became of them."""
    settings, results, unread = Settings.load(), [Redriven()], []
    async with open_pool(settings.db_url.reveal(), max_connections=2) as pool:
        async with transaction(pool) as connection:
            waiting = await parked_streams(connection)
        for source, stream in waiting:
            revive = _reader_of(source, stream)
            if revive:
                results.append(await _redrive_stream(pool, source, stream, revive))
            else:
                unread.append(f"{source}.{stream}")
        async with transaction(pool) as connection:
            files = await retry_failed(connection, settings.drops_bucket)
    landed, refused, quarantined = (sum(numbers) for numbers in zip(*map(astuple, results), strict=True))
    print(f"{landed} landed, {refused} refused again, {quarantined} quarantined")
    if unread:
        print(f"not tried, for a person to look at: what is parked of {', '.join(unread)}")
    if files:
        print(f"{counted(files, 'failed file')} back in line for python -m ingestion drops")
    return DONE


def _reader_of(source: str, stream: str) -> Callable[[DeadLetter], Record] | None:
    """Give what reads the letters of a stream; None if there is none."""
    from ingestion.drops import SHIPMENTS  # no other command needs S3

    readers: dict[tuple[str, str], Callable[[DeadLetter], Record]] = {
        (ORDERS.source, ORDERS.stream): lambda letter: record_of(letter.raw, ORDERS),
        (SHIPMENTS.source, SHIPMENTS.stream): lambda letter: row_of(letter, SHIPMENTS),
    }
    return readers.get((source, stream))


async def _redrive_stream(pool: Pool, source: str, stream: str, revive: Callable[[DeadLetter], Record]) -> Redriven:
    run = Run.start(source, stream)
    moved: list[Landed] = []

    async def land_all(connection: Connection, batch: Batch) -> None:
        # However many Postgres refuses, they must not hold up the others.
        moved.append(await land(connection, batch, run, max_rejected_share=1.0))

    result = await redrive(pool, source, stream, revive=revive, land=land_all, limit=10_000)
    if not moved:
        return result
    async with transaction(pool) as connection:
        await run.finish(connection)
    # A record that Postgres refuses is parked as a letter of its own, and not landed.
    landed = moved[0].inserted + moved[0].updated + moved[0].unchanged
    return Redriven(landed, result.landed + result.refused - landed, result.quarantined)


if __name__ == "__main__" and __spec__ is not None:  # run by `python -m`, and not pasted into a shell
    sys.exit(main())
