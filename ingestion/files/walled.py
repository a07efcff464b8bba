# Made from solutions/m02_push/17_parquet.ipynb: edit it there.
"""Read a Parquet file in a process of its own, walled off: a hostile file takes nothing else down with it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pyarrow as pa

from ingestion.errors import ContractViolationError, CorruptError
from ingestion.files.arrow_types import check_columns
from ingestion.files.parquet import Budget, parsed
from ingestion.files.parsed import Mark, Parsed
from ingestion.files.schema import Schema

__all__ = ["read_parquet"]


def read_parquet(
    path: Path,
    schema: Schema,
    *,
    start: Mark | None = None,
    rows: int = 2_000,
    budget: Budget | None = None,
    memory_bytes: int = 512 << 20,
) -> Iterator[Parsed]:
    """Read the Parquet file at *path* from *start* on, in stretches of at most *rows* rows, and of some 8 MiB.

    Before its first row is given out, the file has been decoded once from end to end: of one that is damaged, or over
    its budget, nothing is. Memory holds a few pages and a stretch of it, whatever the size of its row groups.

    Args:
        path: A file on this machine.
        schema: Its columns, by name.
        start: Go on here: the mark of an earlier reader of the same file.
        rows: How many rows a stretch has at most.
        budget: What the file may turn out to be; by its size when left out.
        memory_bytes: What the decoding process may take on top of what it needs to start. Linux only: elsewhere the
            budget stands alone.

    Raises:
        CorruptError: it cannot be decoded.
        ContractViolationError: it is over its budget, a row of it takes more than 32 MiB, or its columns are not those
            of *schema*.
    """
    row = start.row if start else 0
    allowed = budget or Budget.of(path.stat().st_size)
    job = {"path": str(path), "budget": msgspec.structs.asdict(allowed), "start_row": row, "rows": rows}
    with _decoder({**job, "memory_bytes": memory_bytes}) as process:
        for batch in _received(process, schema):
            yield parsed(batch, row, schema)
            row += batch.num_rows


# The decoder learns nothing that it has no need of, such as DB_URL. One arena: what is reserved counts as taken.
_PASSED_ON = ("PATH", "SYSTEMROOT", "TMPDIR", "TZDIR")
_SET = {"ARROW_DEFAULT_MEMORY_POOL": "system", "ARROW_IO_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}


@contextmanager
def _decoder(job: dict[str, object]) -> Iterator["subprocess.Popen[bytes]"]:
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environment = {**passed_on, **_SET, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    line = [sys.executable, "-m", "ingestion.files.decoder", json.dumps(job)]
    with subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:  # noqa: S603
        try:
            yield process
        finally:
            process.kill()


def _received(process: "subprocess.Popen[bytes]", schema: Schema) -> Iterator[pa.RecordBatch]:
    assert process.stdout
    assert process.stderr
    try:
        with pa.ipc.open_stream(process.stdout) as stream:
            check_columns(stream.schema, schema)
            yield from stream
    except (pa.ArrowInvalid, OSError) as error:  # nothing came, or it broke off
        broken = str(error)
    else:
        broken = ""
    said = process.stderr.read().splitlines()
    status = process.wait()
    if status == 0 and not broken:
        return
    try:
        told = json.loads(said[-1])
    except (IndexError, ValueError):
        raise CorruptError(f"its decoder died: exit code {status}") from None
    kinds = {"ContractViolationError": ContractViolationError}
    raise kinds.get(told["kind"], CorruptError)(told["message"])
