"""Checks the number of rows as they are decoded: of 60 million nulls it decodes what the budget allows before it finds out."""
#| exercise: m02-17-ex1
#| caught by: test_ex1_nothing_is_decoded_of_too_many_rows
def decode(file: pq.ParquetFile, budget: Budget, *, start_row: int = 0, rows: int = 2_000) -> Iterator[pa.RecordBatch]:
    decoded_bytes, skip, rows_seen = 0, start_row, 0
    for group in range(file.metadata.num_row_groups):
        group_rows = file.metadata.row_group(group).num_rows
        if skip >= group_rows:
            skip -= group_rows
            continue
        for packed in file.iter_batches(rows, row_groups=[group], use_threads=False):
            wanted = packed.slice(skip)
            skip = max(skip - packed.num_rows, 0)
            if not wanted.num_rows:
                continue
            batch = unpack(wanted)
            rows_seen += batch.num_rows
            if rows_seen > budget.rows:
                raise ContractViolationError("too many rows")
            decoded_bytes += batch.nbytes
            if decoded_bytes > budget.decoded_bytes:
                raise ContractViolationError(f"it decodes to more than {budget.decoded_bytes:,} bytes")
            yield batch
