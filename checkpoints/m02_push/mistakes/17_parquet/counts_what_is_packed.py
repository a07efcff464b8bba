"""Counts the batch before it is unpacked: a pointer is four bytes, whatever it points at."""
#| exercise: m02-17-ex1
#| caught by: test_ex1_a_dictionary_counts_each_time_it_is_pointed_at
def decode(file: pq.ParquetFile, budget: Budget, *, start_row: int = 0, rows: int = 2_000) -> Iterator[pa.RecordBatch]:
    if file.metadata.num_rows > budget.rows:
        raise ContractViolationError(f"it has {file.metadata.num_rows:,} rows, and {budget.rows:,} are allowed")
    decoded_bytes, skip = 0, start_row
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
            decoded_bytes += wanted.nbytes
            if decoded_bytes > budget.decoded_bytes:
                raise ContractViolationError(f"it decodes to more than {budget.decoded_bytes:,} bytes")
            yield batch
