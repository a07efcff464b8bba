"""Stops the file when nothing of its budget is left, though it is not over it."""
#| exercise: m02-17-ex1
#| caught by: test_ex1_the_budget_counts_over_all_batches
def decode(file, budget, *, start_row=0, rows=2_000):
    if file.metadata.num_rows > budget.rows:
        raise ContractViolationError("rows")
    left, row = budget.decoded_bytes, 0
    for g in range(file.num_row_groups):
        n = file.metadata.row_group(g).num_rows
        if row + n <= start_row:
            row += n
            continue
        for b in file.iter_batches(rows, row_groups=[g]):
            skip = max(0, start_row - row)
            row += b.num_rows
            b = b.slice(skip)
            if not b.num_rows:
                continue
            b = unpack(b)
            left -= b.nbytes
            if left <= 0:
                raise ContractViolationError("bytes")
            yield b
