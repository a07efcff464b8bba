# Made from solutions/m02_push/17_parquet.ipynb: edit it there.
"""The process that decodes one Parquet file: `python -m ingestion.files.decoder JOB`, run by `read_parquet`.

Arrow batches go to standard output; what is wrong with the file is the last line of standard error, as JSON.
"""

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ingestion.errors import ContractViolationError, CorruptError, IngestionError
from ingestion.files.arrow_types import plain_schema
from ingestion.files.parquet import Budget, decode

__all__ = ["limit_memory", "main", "own_error", "send"]


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
        if start_row == 0:
            for _ in decode(file, budget, rows=rows):
                pass
        with pa.ipc.new_stream(pipe, plain_schema(file.schema_arrow)) as stream:
            for batch in decode(file, budget, start_row=start_row, rows=rows):
                stream.write_batch(batch)


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
