# Made from solutions/m02_push/17_parquet.ipynb: edit it there.
"""The process that decodes one Parquet file: `python -m ingestion.files.decoder JOB`, run by `read_parquet`.

Arrow batches go to standard output; what is wrong with the file is the last line of standard error, as JSON.
"""

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ingestion.errors import ContractViolationError, CorruptError, IngestionError
from ingestion.files.arrow_types import plain_schema
from ingestion.files.parquet import Budget, decode

__all__ = ["check_rows", "in_parts", "limit_memory", "main", "own_error", "rows_at_a_time", "send"]


_BATCH_BYTES = 1 << 23
_MOST_ROW_BYTES = 1 << 25


def main(job: dict[str, Any]) -> int:
    """Decode one file, and give the exit code."""
    try:
        limit_memory(job["memory_bytes"])
        send(job["path"], Budget(**job["budget"]), start_row=job["start_row"], rows=job["rows"])
    except BrokenPipeError:
        return 1  # nobody listens any more
    except (IngestionError, MemoryError, OSError, ValueError, pa.ArrowException) as error:
        own = own_error(error, job["memory_bytes"])
        print(json.dumps({"kind": type(own).__name__, "message": str(own)}), file=sys.stderr)
        return 1
    return 0


def send(path: str, budget: Budget, *, start_row: int, rows: int) -> None:
    """Write the rows from *start_row* on to standard output; a file that is begun is decoded to its end before."""
    # A page at a time, whatever the size of a row group; a page that does not match its checksum is an error.
    with (
        pq.ParquetFile(
            path, buffer_size=1 << 20, page_checksum_verification=True, coerce_int96_timestamp_unit="us"
        ) as file,
        os.fdopen(os.dup(sys.stdout.fileno()), "wb") as pipe,
    ):
        rows = min(rows, rows_at_a_time(file.metadata))
        if start_row == 0:
            parts = (part for batch in decode(file, budget, rows=rows) for part in in_parts(batch))
            check_rows(file.metadata, sum(part.num_rows for part in parts))
        with pa.ipc.new_stream(pipe, plain_schema(file.schema_arrow)) as stream:
            for batch in decode(file, budget, start_row=start_row, rows=rows):
                for part in in_parts(batch):
                    stream.write_batch(part)


def rows_at_a_time(metadata: pq.FileMetaData) -> int:
    """Give the number of rows that take 8 MiB, going by what the file says of its row groups."""
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    sizes = [group.total_byte_size / group.num_rows for group in groups if group.num_rows > 0]
    return max(1, int(_BATCH_BYTES / max([1.0, *sizes])))


def check_rows(metadata: pq.FileMetaData, found: int) -> None:
    """Say nothing when the file has as many rows as it says, in each of its row groups: a mark counts on that.

    Raises:
        CorruptError: it has not.
    """
    claimed = sum(metadata.row_group(number).num_rows for number in range(metadata.num_row_groups))
    if not metadata.num_rows == claimed == found:
        raise CorruptError(f"it has {found:,} rows, and says {metadata.num_rows:,}, or {claimed:,} by its row groups")


def in_parts(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Halve a batch until no part takes more than 8 MiB: who receives it spells it out, and holds it several times.

    Raises:
        ContractViolationError: a single row takes more than 32 MiB.
    """
    if batch.nbytes <= _BATCH_BYTES or (batch.num_rows == 1 and batch.nbytes <= _MOST_ROW_BYTES):
        yield batch
    elif batch.num_rows == 1:
        raise ContractViolationError(f"a row of it takes more than {_MOST_ROW_BYTES >> 20} MiB")
    else:
        half = batch.num_rows // 2
        yield from in_parts(batch.slice(0, half))
        yield from in_parts(batch.slice(half))


def limit_memory(most_bytes: int) -> None:
    """Let this process take *most_bytes* on top of what it has taken so far, where the system keeps such a limit."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        most = pages * resource.getpagesize() + most_bytes
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def own_error(error: Exception, memory_bytes: int) -> IngestionError:
    """Say what is wrong with the file in the package's own terms."""
    if isinstance(error, IngestionError):
        return error
    if isinstance(error, MemoryError):
        return ContractViolationError(f"a page or a batch of it takes more than {memory_bytes >> 20} MiB of memory")
    return CorruptError(f"no readable Parquet: {' '.join(str(error).split())[:200]}")


if __name__ == "__main__" and __spec__ is not None:
    sys.exit(main(json.loads(sys.argv[1])))
