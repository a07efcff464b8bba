"""Files into Postgres: this package against raw COPY, and against the loop that a good engineer writes first.

    python -m benchmarks.files              the table of ratios
    python -m benchmarks.files --profile    where this package spends its time
    python -m benchmarks.files --memory 1   peak memory on files of so many GB

All load the same rows into the same Postgres, in turn, each in a process and a database of its own; the figure is the
least of the rounds. Files are read from this machine, so that no S3 server takes part.

    raw     the bytes as they are, by COPY: CSV into a typed table without an index, NDJSON into a column of jsonb,
            and for Parquet the same rows as CSV. Nothing is checked, a bad row aborts all, and a rerun doubles.
    shape   the same rows as finished records, by COPY into the tables that this package fills: jsonb under a primary key,
            and an event each in the outbox. Made beforehand: nothing is read, checked, hashed or compared.
            The CPU of `shape` and of `landed` includes making the records, their rows/s do not.
    loop    pandas in chunks (Parquet by Arrow batches), COPY into a stage, upsert into a typed table with its key.
    landed  no file at all: records made beforehand, landed in the same batches. What landing itself takes.
    drops   this package: schema, dead letters, jsonb, an event for each row, marks, manifest, ledger.
"""

import argparse
import asyncio
import cProfile
import csv
import io
import json
import os
import pstats
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for `python benchmarks/files.py`

ROOT = Path(__file__).resolve().parent.parent
BENCH = ROOT / ".workbook" / "bench" / "files"
KINDS = ("csv", "ndjson", "parquet")
SYSTEMS = ("raw", "shape", "loop", "landed", "drops")
IMPORTS = {
    "raw": ("psycopg",),
    "shape": ("ingestion.drops", "psycopg_pool"),
    "loop": ("psycopg", "pandas", "pyarrow.parquet"),
    "landed": ("ingestion.drops", "psycopg_pool"),
    "drops": ("ingestion.drops", "ingestion.files.walled", "psycopg_pool"),
}
GOALS = {"csv": 0.60, "ndjson": 0.35, "parquet": 0.55}
START = datetime(2026, 3, 1, tzinfo=UTC)
_TABLE = """CREATE TABLE shipments (
    shipment_id text, order_id text, warehouse_code text, country text, recipient text, note text, quantity bigint,
    serial_number bigint, weight_kg numeric(12,3), declared_value numeric(18,2), fragile boolean, shipped_on date,
    packed_at timestamptz)"""


def row(number: int, note: str = "leave it at the door") -> dict[str, Any]:
    """Make one shipment."""
    return {
        "shipment_id": f"{number:09d}",
        "order_id": f"ord_{number % 500:06d}",
        "warehouse_code": f"{number % 97:04d}",
        "country": "NA",
        "recipient": f"Søren & Söhne, Straße {number % 1000}",
        "note": None if number % 3 and len(note) < 100 else note,
        "quantity": number % 7,
        "serial_number": 2**53 + number,
        "weight_kg": f"{number % 1000}.125",
        "declared_value": f"{number % 10_000}.10",
        "fragile": number % 2 == 0,
        "shipped_on": "2026-03-02",
        "packed_at": (START + timedelta(seconds=number)).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }


def write(kind: str, rows: int, note: str = "leave it at the door") -> Path:
    """Write a file of so many rows, unless it is there."""
    path = BENCH / f"{rows}-{len(note)}.{kind}"
    if path.exists():
        return path
    BENCH.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    if kind == "parquet":
        _write_parquet(part, rows, note)
    else:
        with part.open("w", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, list(row(0)), lineterminator="\n")
            if kind == "csv":
                writer.writeheader()
            for number in range(rows):
                one = row(number, note)
                if kind == "csv":
                    writer.writerow(one | {"fragile": str(one["fragile"]).lower()})
                else:
                    out.write(json.dumps(one, ensure_ascii=False) + "\n")
    part.rename(path)
    return path


def _write_parquet(path: Path, rows: int, note: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(
        [(name, pa.string()) for name in ("shipment_id", "order_id", "warehouse_code", "country", "recipient", "note")]
        + [("quantity", pa.int64()), ("serial_number", pa.int64()), ("weight_kg", pa.decimal128(12, 3))]
        + [("declared_value", pa.decimal128(18, 2)), ("fragile", pa.bool_()), ("shipped_on", pa.date32())]
        + [("packed_at", pa.timestamp("us", "UTC"))]
    )
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for first in range(0, rows, 100_000):
            chunk = [row(number, note) for number in range(first, min(first + 100_000, rows))]
            for one in chunk:
                one["weight_kg"], one["declared_value"] = Decimal(one["weight_kg"]), Decimal(one["declared_value"])
                one["shipped_on"] = datetime.fromisoformat(one["shipped_on"]).date()
                one["packed_at"] = datetime.fromisoformat(one["packed_at"])
            writer.write_table(pa.Table.from_pylist(chunk, schema=schema), row_group_size=100_000)


def raw(path: Path, db_url: str) -> int:
    """COPY the bytes as they are."""
    import psycopg

    into = "COPY shipments FROM STDIN (FORMAT csv, HEADER true)"
    table = _TABLE
    if path.suffix == ".ndjson":
        table = "CREATE TABLE shipments (line jsonb)"
        into = "COPY shipments FROM STDIN (FORMAT csv, DELIMITER E'\\x01', QUOTE E'\\x02')"
    elif path.suffix == ".parquet":
        path = path.with_suffix(".csv")
    with psycopg.connect(db_url) as connection:
        connection.execute(table)
        with connection.cursor() as cursor:
            with path.open("rb") as file, cursor.copy(into) as copy:
                while block := file.read(1 << 18):
                    copy.write(block)
            return cursor.rowcount


def loop(path: Path, db_url: str) -> int:
    """What a good engineer writes first: chunks, a stage, an upsert by the key."""
    import psycopg

    rows = 0
    with psycopg.connect(db_url) as connection:
        connection.execute(_TABLE)
        connection.execute("ALTER TABLE shipments ADD PRIMARY KEY (shipment_id)")
        connection.execute("CREATE TEMP TABLE stage (LIKE shipments)")
        columns = ", ".join(f"{name} = excluded.{name}" for name in list(row(0))[1:])
        for text, count in _chunks(path):
            with connection.cursor() as cursor:
                with cursor.copy("COPY stage FROM STDIN (FORMAT csv)") as copy:
                    copy.write(text)
                cursor.execute(
                    f"INSERT INTO shipments SELECT * FROM stage ON CONFLICT (shipment_id) DO UPDATE SET {columns}"
                    " WHERE excluded.packed_at > shipments.packed_at"
                )
                cursor.execute("TRUNCATE stage")
            connection.commit()
            rows += count
    return rows


def _chunks(path: Path) -> Iterator[tuple[str, int]]:
    import pandas as pd

    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        frames: Iterator[Any] = (batch.to_pandas() for batch in pq.ParquetFile(path).iter_batches(20_000))
    elif path.suffix == ".csv":
        frames = iter(pd.read_csv(path, chunksize=20_000, dtype=str, keep_default_na=False, na_values=[""]))
    else:
        frames = iter(pd.read_json(path, lines=True, chunksize=20_000, dtype=False, convert_dates=False))
    for frame in frames:
        yield frame.to_csv(index=False, header=False), len(frame)


def _batches(path: Path) -> list[Any]:
    from ingestion.drops import SHIPMENTS
    from ingestion.files.delimited import read_delimited
    from ingestion.record import Batch

    with path.with_suffix(".csv").open("rb") as file:
        return [Batch(each.records) for each in read_delimited(file, SHIPMENTS, block_bytes=1 << 18)]


def shape(path: Path, db_url: str) -> tuple[int, float]:
    """COPY finished records and their events; gives the rows and the seconds that the two COPYs took."""
    import psycopg

    from ingestion.store.database import migrate

    async def prepare() -> None:
        async with await psycopg.AsyncConnection.connect(db_url, autocommit=True) as connection:
            await migrate(connection)

    asyncio.run(prepare())
    records, events, rows = io.BytesIO(), io.BytesIO(), 0
    for record in (record for batch in _batches(path) for record in batch.records):
        rows += 1
        source, stream, key = record.source.encode(), record.stream.encode(), record.key.encode()
        at, event = record.occurred_at.isoformat().encode(), f"019ab000-0000-7000-8000-{rows:012x}".encode()
        payload = record.payload.replace(b"\\", b"\\\\")
        digest, raw_payload = record.content_hash.hex().encode(), record.payload.hex().encode()
        records.write(b"\t".join((source, stream, key, payload, at, b"\\\\x" + digest)) + b"\n")
        kind = source + b"." + stream
        events.write(b"\t".join((event, kind, kind + b"/" + key, b"inserted", at, b"\\\\x" + raw_payload)) + b"\n")
    into = {
        "records (source, stream, key, payload, occurred_at, content_hash)": records.getbuffer(),
        "outbox (id, aggregatetype, aggregateid, type, occurred_at, payload)": events.getbuffer(),
    }
    started_s = time.perf_counter()
    with psycopg.connect(db_url) as connection, connection.cursor() as cursor:
        for table, text in into.items():
            with cursor.copy(f"COPY ingestion.{table} FROM STDIN") as copy:
                for start in range(0, len(text), 1 << 18):
                    copy.write(text[start : start + (1 << 18)])
    return rows, time.perf_counter() - started_s


def landed(path: Path, db_url: str) -> tuple[int, float]:
    """Land records that were made beforehand; gives the rows and the seconds that landing took."""
    from ingestion.landing import land
    from ingestion.store.database import migrate, open_pool
    from ingestion.store.run_ledger import Run

    async def main() -> tuple[int, float]:
        batches = _batches(path)
        async with open_pool(db_url) as pool, pool.connection() as connection:
            await migrate(connection)
            run = Run.start("drops", "shipments")
            started_s = time.perf_counter()
            for batch in batches:
                await land(connection, batch, run)
            return sum(len(batch.records) for batch in batches), time.perf_counter() - started_s

    return asyncio.run(main())


def drops(path: Path, db_url: str) -> int:
    """Load the file with all that this package does, but S3."""
    from ingestion.drops import SHIPMENTS
    from ingestion.files.bucket import Bucket
    from ingestion.files.ingester import DropsSource
    from ingestion.files.notification import Drop
    from ingestion.pipeline import ingest
    from ingestion.store.database import migrate, open_pool

    class Local(Bucket):
        def drops(self) -> list[Drop]:
            return [Drop(self.name, path.name, "0" * 32, path.stat().st_size, START)]

        def _open(self, drop: Drop) -> closing[io.BufferedReader]:
            return closing(path.open("rb"))

    async def main() -> int:
        async with open_pool(db_url) as pool, pool.connection() as connection:
            await migrate(connection)
            source = DropsSource(pool, Local(None, "bench"), "bench", SHIPMENTS)
            return (await ingest(source, connection, max_rejected_share=1.0)).rows

    return asyncio.run(main())


def one(system: str, path: Path, db_url: str, profile: bool) -> None:
    """Run one system in this process and print what it took as JSON."""
    systems: dict[str, Callable[[Path, str], Any]] = {
        "raw": raw,
        "shape": shape,
        "loop": loop,
        "landed": landed,
        "drops": drops,
    }
    for module in IMPORTS[system]:  # loading a library is no part of loading a file
        import_module(module)
    profiler = cProfile.Profile() if profile else None
    started_s = time.perf_counter()
    result = profiler.runcall(systems[system], path, db_url) if profiler else systems[system](path, db_url)
    seconds = time.perf_counter() - started_s
    rows, seconds = result if isinstance(result, tuple) else (result, seconds)
    used, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    if profiler:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(25)
    peak_mb = (used.ru_maxrss + children.ru_maxrss) / (1024 if sys.platform == "linux" else 1 << 20)
    cpu_s = used.ru_utime + used.ru_stime + children.ru_utime + children.ru_stime
    print(json.dumps({"rows": rows, "seconds": seconds, "cpu_s": cpu_s, "peak_mb": peak_mb}))


def measure(system: str, path: Path, *more: str) -> tuple[dict[str, float], str]:
    """Run one system in a process and a database of its own."""
    from workbook.stack import ensure_up
    from workbook.stack.databases import fresh_database

    with fresh_database(ensure_up()["DB_URL"]) as db_url:
        line = [sys.executable, "-m", "benchmarks.files", "--one", system, str(path), db_url, *more]
        ran = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise SystemExit(f"{system} failed:\n{ran.stderr}")
    *told, last = ran.stdout.splitlines()
    result: dict[str, float] = json.loads(last)
    return result, "\n".join(told)


def compare(rows: int, rounds: int) -> int:
    """Print a table for each kind of file; 1 if a goal is missed."""
    missed = 0
    for kind in KINDS:
        write("csv", rows)
        path = write(kind, rows)
        taken: dict[str, list[dict[str, float]]] = {system: [] for system in SYSTEMS}
        for _ in range(rounds):
            for system in SYSTEMS:
                taken[system].append(measure(system, path)[0])
                assert taken[system][-1]["rows"] == rows, (system, taken[system][-1])
        print(
            f"\n{rows:,} rows of {kind}, {path.stat().st_size >> 20} MB{'rows/s':>16}{'CPU us/row':>12}{'peak MB':>9}"
        )
        least = {system: min(run["seconds"] for run in runs) for system, runs in taken.items()}
        for system, runs in taken.items():
            cpu_us = min(run["cpu_s"] for run in runs) / rows * 1e6
            print(
                f"{system:<24}{rows / least[system]:>18,.0f}{cpu_us:>12.1f}{max(run['peak_mb'] for run in runs):>9.0f}"
            )
        share = least["raw"] / least["drops"]
        missed += share < GOALS[kind]
        print(f"  drops / raw: {share:.2f}, goal {GOALS[kind]}: {'met' if share >= GOALS[kind] else 'MISSED'}")
        print(f"  drops / shape: {least['shape'] / least['drops']:.2f} (the same tables, filled without looking)")
        print(f"  drops / loop: {least['loop'] / least['drops']:.2f}")
        print(f"  drops / landed: {least['landed'] / least['drops']:.2f} (1.00: reading is hidden behind landing)")
    return 1 if missed else 0


def memory(gigabytes: float) -> int:
    """Print the peak memory on large files; 1 if one takes 512 MB."""
    peaks, note = [], "wide rows, so that a file is large before the database is: " * 15
    for kind in ("csv", "ndjson"):
        sample = write(kind, 20_000, note)
        path = write(kind, int(gigabytes * (1 << 30) / sample.stat().st_size * 20_000), note)
        run, _ = measure("drops", path)
        peaks.append(run["peak_mb"])
        print(f"{kind:<8}{path.stat().st_size / (1 << 30):>6.2f} GB{run['rows']:>12,} rows{run['peak_mb']:>7.0f} MB at most,"
              f"{run['rows'] / run['seconds']:>9,.0f} rows/s", flush=True)  # fmt: skip
        path.unlink()
    return 0 if max(peaks) < 512 else 1


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser("python -m benchmarks.files", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", type=float, metavar="GB")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--one", nargs=3, metavar=("SYSTEM", "FILE", "DB_URL"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        system, path, db_url = options.one
        one(system, Path(path), db_url, options.profile)
        return 0
    if options.memory:
        return memory(options.memory)
    if options.profile:
        for kind in KINDS:
            print(measure("drops", write(kind, options.rows), "--profile")[1])
        return 0
    return compare(options.rows, options.rounds)


if __name__ == "__main__":
    if os.name == "nt":
        raise SystemExit("this benchmark reads getrusage, which Windows has not")
    sys.exit(main())
