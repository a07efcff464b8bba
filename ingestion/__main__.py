# Made from solutions/m01_rest/18_pipeline.ipynb: edit it there.
"""The command line: `python -m ingestion --help`."""

import argparse
import sys

from ingestion.console import DONE, Command, Stop, command_parser, print_table, run_command
from ingestion.landing import land
from ingestion.pipeline import ORDERS, pull_orders
from ingestion.rest.page import record_of
from ingestion.settings import Settings
from ingestion.store.database import migrate, open_pool, transaction
from ingestion.store.dead_letters import redrive
from ingestion.store.overview import StreamOverview, overview
from ingestion.store.run_ledger import Run

__all__ = ["apply_migrations", "main", "redrive_orders", "show_status"]


def main(arguments: list[str] | None = None) -> int:
    """Run one command and give its exit code."""
    options = _parser().parse_args(arguments)
    command: Command = options.command
    return run_command(command, options)


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "python -m ingestion", "Fault-tolerant ingestion. Settings come from the environment and .env."
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="command")
    for name, command, text in (
        ("migrate", apply_migrations, "bring the database's schema up to date"),
        ("run", pull_orders, "pull what changed since the last run, and land it"),
        ("status", show_status, "show where every stream stands"),
        ("redrive", redrive_orders, "try the parked rows of shop.orders once more"),
    ):
        commands.add_parser(name, help=text, description=text).set_defaults(command=command)
    return parser


async def apply_migrations(stop: Stop) -> int:
    """Apply the migrations that the database lacks."""
    async with open_pool(Settings.load().db_url.reveal(), max_connections=1) as pool:
        applied = await migrate(pool)
    print("\n".join(f"applied {name}" for name in applied) or "up to date")
    return DONE


async def show_status(stop: Stop) -> int:
    """Print a row for each stream."""
    async with open_pool(Settings.load().db_url.reveal(), max_connections=1) as pool, transaction(pool) as connection:
        streams = await overview(connection)
    if streams:
        print_table([_cells(stream) for stream in streams])
    else:
        print("nothing has landed yet")
    for stream in streams:
        if stream.last_error:
            print(f"{stream.source}.{stream.stream}: {stream.last_error}")
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


async def redrive_orders(stop: Stop) -> int:
    """Try every parked order once more, and say what became of them."""
    run = Run.start(ORDERS.source, ORDERS.stream)
    async with open_pool(Settings.load().db_url.reveal(), max_connections=2) as pool:
        result = await redrive(
            pool,
            ORDERS.source,
            ORDERS.stream,
            revive=lambda letter: record_of(letter.raw, ORDERS),
            land=lambda connection, batch: land(connection, batch, run),
            limit=10_000,
        )
        if result.landed:
            async with transaction(pool) as connection:
                await run.finish(connection)
    print(f"{result.landed} landed, {result.refused} refused again, {result.quarantined} quarantined")
    return DONE


if __name__ == "__main__" and __spec__ is not None:  # run by `python -m`, and not pasted into a shell
    sys.exit(main())
