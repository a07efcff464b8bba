# Made from solutions/m02_push/18_ingester.ipynb: edit it there.
"""The files that warehouses drop into S3: each row of each of them lands once.

Run it with `python -m ingestion.drops`.
"""

import sys
import time
from collections.abc import Sequence
from typing import Any

from ingestion.console import DONE, Stop, about, command_parser, counted, print_table, progress_bar, run_command
from ingestion.errors import ContractViolationError
from ingestion.files.bucket import Bucket
from ingestion.files.columns import Column
from ingestion.files.ingester import DropsSource
from ingestion.files.outcomes import Outcome, outcomes
from ingestion.files.schema import Schema
from ingestion.outbox.doorbell import open_doorbell
from ingestion.pipeline import OnProgress, Progress, ingest, let_through
from ingestion.read_ahead import Gate
from ingestion.settings import Settings
from ingestion.store.database import migrate, open_pool, transaction

__all__ = ["SHIPMENTS", "ingest_drops", "main", "pull_drops", "s3_client"]


SHIPMENTS = Schema(
    source="drops",
    stream="shipments",
    columns=(
        Column("shipment_id", "text"),
        Column("order_id", "text"),
        Column("warehouse_code", "text"),
        Column("country", "text"),
        Column("recipient", "text"),
        Column("note", "text", nullable=True),
        Column("quantity", "int64"),
        Column("serial_number", "int64", nullable=True),
        Column("weight_kg", "decimal", precision=12, scale=3),
        Column("declared_value", "decimal", nullable=True, precision=18, scale=2),
        Column("fragile", "boolean", nullable=True),
        Column("shipped_on", "date", nullable=True),
        Column("packed_at", "timestamp"),
    ),
    key="shipment_id",
    occurred_at="packed_at",
)


def s3_client(settings: Settings) -> Any:
    """Build the client of S3; what the settings leave open, boto3 finds for itself (a role, a profile)."""
    # Loaded where it is needed: it takes a quarter of a second.
    import boto3
    from botocore.config import Config

    given = {"endpoint_url": settings.s3_endpoint_url, "region_name": settings.s3_region}
    for name, secret in (
        ("aws_access_key_id", settings.s3_access_key_id),
        ("aws_secret_access_key", settings.s3_secret_access_key),
    ):
        given[name] = secret.get_secret_value() if secret else None
    retries: Any = {"mode": "standard", "total_max_attempts": 4}
    config = Config(connect_timeout=5, read_timeout=20, retries=retries)
    return boto3.client("s3", config=config, **{name: value for name, value in given.items() if value is not None})


async def ingest_drops(
    settings: Settings,
    *,
    gate: Gate = let_through,
    on_progress: OnProgress = lambda progress: None,
    stop: Stop | None = None,
) -> tuple[Progress, list[Outcome]]:
    """Load every file of the bucket that is new: the composition root of the drops."""
    subject = (
        f"Bucket {settings.drops_bucket} (DROPS_BUCKET), database {settings.db_url} (DB_URL)."
        " Another run goes on where this one stopped"
    )
    with about(subject):
        async with (
            open_pool(settings.db_url.reveal(), max_connections=3) as pool,
            pool.connection() as connection,
            open_doorbell(pool) as doorbell,
        ):

            def report(progress: Progress) -> None:
                doorbell.ring()
                on_progress(progress)

            await migrate(connection)
            bucket = Bucket(s3_client(settings), settings.drops_bucket)
            source = DropsSource(pool, bucket, bucket.name, SHIPMENTS)
            # How much of a file may be bad is judged file by file, by the source.
            progress = await ingest(
                source, connection, gate=gate, on_progress=report, stop=stop, max_rejected_share=1.0
            )
            async with transaction(connection):
                return progress, await outcomes(connection, source.tokens)


def main(arguments: list[str] | None = None) -> int:
    """Load the drops as a command and give its exit code."""
    parser = command_parser(
        "python -m ingestion.drops", "Load every new file in the bucket DROPS_BUCKET, and land each row once in DB_URL."
    )
    return run_command(pull_drops, parser.parse_args(arguments))


async def pull_drops(stop: Stop) -> int:
    """Load the drops, show the progress, and print what was done."""
    started_s = time.monotonic()
    with progress_bar("drops") as show:
        progress, files = await ingest_drops(
            Settings.load(), on_progress=lambda now: show(f"{now.rows} landed"), stop=stop
        )
    loaded = [file for file in files if file.state in ("loaded", "empty")]
    print(f"{progress.rows} records ingested from {counted(len(loaded), 'file')}")
    if not files and progress.finished:
        print("0 new: every file in the bucket was loaded before")
    if progress.landed.parked:
        print(f"{progress.landed.parked} rows were parked; see python -m ingestion status")
    landed = progress.landed
    row = {"landed": progress.rows, "duplicate": landed.unchanged, "parked": landed.parked, "files": len(loaded)}
    print_table([row | {"seconds": f"{time.monotonic() - started_s:.1f}"}])
    _complain(files)
    return DONE if progress.finished else stop.exit_code


def _complain(files: Sequence[Outcome]) -> None:
    failed = [f"{file.key}: {file.reason}" for file in files if file.state == "failed"]
    if failed:
        more = f" And {len(failed) - 3} more." if len(failed) > 3 else ""
        error = ContractViolationError(f"{counted(len(failed), 'file')} failed. {'. '.join(failed[:3])}.{more}")
        error.add_note("A file that is mended is a new version; after a change here, python -m ingestion redrive")
        raise error


if __name__ == "__main__" and __spec__ is not None:  # run by `python -m`, and not pasted into a shell
    sys.exit(main())
