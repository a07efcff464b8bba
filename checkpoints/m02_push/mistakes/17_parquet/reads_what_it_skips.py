"""Reads every group and throws the front away: resuming at the end of a large file decodes all of it."""
#| exercise: m02-17-ex1
#| caught by: test_ex1_groups_before_the_start_are_not_read
def decode(file: pq.ParquetFile, budget: Budget, *, start_row: int = 0, rows: int = 2_000) -> Iterator[pa.RecordBatch]:
    if file.metadata.num_rows > budget.rows:
        raise ContractViolationError(f"it has {file.metadata.num_rows:,} rows, and {budget.rows:,} are allowed")
    decoded_bytes, skip = 0, start_row
    for group in range(file.metadata.num_row_groups):
        for packed in file.iter_batches(rows, row_groups=[group], use_threads=False):
            wanted = packed.slice(skip)
            skip = max(skip - packed.num_rows, 0)
            if not wanted.num_rows:
                continue
            batch = unpack(wanted)
            decoded_bytes += batch.nbytes
            if decoded_bytes > budget.decoded_bytes:
                raise ContractViolationError(f"it decodes to more than {budget.decoded_bytes:,} bytes")
            yield batch
