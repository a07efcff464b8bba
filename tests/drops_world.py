"""A bucket of the test's own, files of shipments in every format, and runs over them."""

import csv
import gzip
import io
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq

from ingestion.drops import SHIPMENTS
from ingestion.files.bucket import Bucket
from ingestion.files.ingester import DropsSource
from ingestion.files.parsed import ErrorBudget
from ingestion.pipeline import Progress, ingest
from ingestion.store.database import Pool
from workbook.arrivals import s3_client

Row = dict[str, Any]
START = datetime(2026, 3, 1, tzinfo=UTC)
ARROW = pa.schema(
    [
        ("shipment_id", pa.string()),
        ("order_id", pa.string()),
        ("warehouse_code", pa.string()),
        ("country", pa.string()),
        ("recipient", pa.string()),
        ("note", pa.string()),
        ("quantity", pa.int64()),
        ("serial_number", pa.int64()),
        ("weight_kg", pa.decimal128(12, 3)),
        ("declared_value", pa.decimal128(18, 2)),
        ("fragile", pa.bool_()),
        ("shipped_on", pa.date32()),
        ("packed_at", pa.timestamp("us", "UTC")),
    ]
)


def shipments(count: int, *, first: int = 1, version: int = 0, note: str | None = None) -> list[Row]:
    """Make so many shipments; a later *version* of one is packed a day later."""
    return [
        {
            "shipment_id": f"{number:08d}",
            "order_id": f"ord_{number % 500:06d}",
            "warehouse_code": "0042",
            "country": "NA",
            "recipient": "Søren, 山田 & Söhne",
            "note": note,
            "quantity": number % 7,
            "serial_number": 2**53 + number,
            "weight_kg": f"{number}.125",
            "declared_value": "0.10",
            "fragile": number % 2 == 0,
            "shipped_on": "2026-03-02",
            "packed_at": (START + timedelta(days=version, seconds=number)).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }
        for number in range(first, first + count)
    ]


def as_csv(rows: Sequence[Row]) -> bytes:
    """Spell *rows* as the drops do: null is nothing between two commas."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(SHIPMENTS.names)
    for row in rows:
        values = [row[name] for name in SHIPMENTS.names]
        writer.writerow([str(value).lower() if isinstance(value, bool) else value for value in values])
    return text.getvalue().encode()


def as_ndjson(rows: Sequence[Row]) -> bytes:
    """One object a line."""
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)


def as_parquet(rows: Sequence[Row], *, row_group_size: int = 1_000) -> bytes:
    """With the types that the columns are declared with."""
    typed = [
        row
        | {
            "weight_kg": Decimal(row["weight_kg"]),
            "declared_value": Decimal(row["declared_value"]),
            "shipped_on": datetime.fromisoformat(row["shipped_on"]).date(),
            "packed_at": datetime.fromisoformat(row["packed_at"]),
        }
        for row in rows
    ]
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(typed, schema=ARROW), sink, row_group_size=row_group_size)
    return sink.getvalue()


def as_gzip(rows: Sequence[Row]) -> bytes:
    """CSV, packed."""
    return gzip.compress(as_csv(rows), 1)


FORMATS = {"csv": as_csv, "csv.gz": as_gzip, "ndjson": as_ndjson, "parquet": as_parquet}


class Drops:
    """A bucket with files in it, and the database that they are loaded into."""

    def __init__(self, urls: dict[str, str], db_url: str) -> None:
        self.bucket = f"drops-{secrets.token_hex(6)}"
        self.client = s3_client(urls)
        self.client.create_bucket(Bucket=self.bucket)
        self.db_url = db_url
        self.environment = {**os.environ, **urls, "DROPS_BUCKET": self.bucket, "DB_URL": db_url}

    def put(self, key: str, content: bytes) -> None:
        self.client.put_object(Bucket=self.bucket, Key=key, Body=content)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start `python -m ingestion.drops`."""
        line = [sys.executable, "-m", "ingestion.drops", *arguments]
        return subprocess.Popen(line, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self) -> tuple[int, str, str]:
        """Run it to its end: exit code, output, errors."""
        with self.start() as process:
            output, errors = process.communicate(timeout=300)
            return process.returncode, output, errors

    async def ingest(self, pool: Pool, *, client: Any = None, budget: ErrorBudget | None = None) -> Progress:
        """Run it within this process."""
        source = DropsSource(pool, Bucket(client or self.client, self.bucket), self.bucket, SHIPMENTS, budget=budget)
        async with pool.connection() as connection:
            return await ingest(source, connection, max_rejected_share=1.0)

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.db_url) as connection:
            return connection.execute(sql, parameters).fetchall()

    def rows(self) -> int:
        return int(self.query("SELECT count(*) FROM ingestion.records WHERE source = 'drops'")[0][0])

    def manifest(self) -> dict[str, tuple[Any, ...]]:
        """State, rows read, loaded, quarantined and duplicate, by key; of the newest version that is claimed last."""
        found = self.query(
            "SELECT key, state, rows_read, loaded, quarantined, duplicate FROM ingestion.manifest"
            " WHERE bucket = %s ORDER BY token NULLS FIRST",
            self.bucket,
        )
        return {key: tuple(rest) for key, *rest in found}

    def check_sums(self) -> None:
        """F6: for every version of every file, what was read is what was loaded, set aside, or there already."""
        odd = self.query(
            "SELECT key, rows_read, loaded, quarantined, duplicate FROM ingestion.manifest"
            " WHERE rows_read <> loaded + quarantined + duplicate"
        )
        assert odd == []

    def remove(self) -> None:
        for kind in ("Versions", "DeleteMarkers"):
            for item in self.client.list_object_versions(Bucket=self.bucket).get(kind, []):
                self.client.delete_object(Bucket=self.bucket, Key=item["Key"], VersionId=item["VersionId"])
        self.client.delete_bucket(Bucket=self.bucket)


@contextmanager
def dropping(urls: dict[str, str], db_url: str) -> Iterator[Drops]:
    """A bucket of one's own, removed afterwards."""
    drops = Drops(urls, db_url)
    try:
        yield drops
    finally:
        drops.remove()
