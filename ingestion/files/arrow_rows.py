# Made from solutions/m02_push/17_parquet.ipynb: edit it there.
"""One row of a Parquet file as bytes, and back: what is parked of it shows text, which keeps no type."""

import pyarrow as pa

from ingestion.errors import ContractViolationError
from ingestion.files.arrow_types import check_columns
from ingestion.files.parsed import MOST_RAW_BYTES
from ingestion.files.schema import Schema

__all__ = ["kept_row", "row_again"]


def kept_row(batch: pa.RecordBatch, row: int) -> bytes:
    """Give one row of *batch* as an Arrow stream; nothing if that takes more than `MOST_RAW_BYTES`."""
    one = pa.RecordBatch.from_arrays([column.slice(row, 1) for column in batch.columns], names=batch.schema.names)
    if pa.ipc.get_record_batch_size(one) > MOST_RAW_BYTES:  # before it is copied: a view drags along all it views
        return b""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, one.schema) as stream:
        stream.write_batch(one)
    kept: bytes = sink.getvalue().to_pybytes()
    return kept if len(kept) <= MOST_RAW_BYTES else b""


def row_again(kept: bytes, schema: Schema) -> pa.RecordBatch:
    """Give the row that `kept_row` made *kept* of, as a batch, once its columns are found to be those of *schema*.

    Raises:
        ContractViolationError: they are not, or nothing was kept, or something else.
    """
    if not kept:
        raise ContractViolationError("the row is too large to be kept whole")
    try:
        with pa.ipc.open_stream(kept) as stream:
            check_columns(stream.schema, schema)
            batch = stream.read_next_batch()
            batch.validate(full=True)
    except (OSError, StopIteration, ValueError, pa.ArrowException) as error:
        raise ContractViolationError(f"what was kept of the row is damaged: {type(error).__name__}") from None
    return batch
