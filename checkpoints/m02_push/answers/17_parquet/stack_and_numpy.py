"""A running row number in the place of a countdown, an explicit stack in the place of recursion, and `strftime`."""
#| exercise: m02-17-ex1
def decode(file: pq.ParquetFile, budget: Budget, *, start_row: int = 0, rows: int = 2_000) -> Iterator[pa.RecordBatch]:
    metadata = file.metadata
    if metadata.num_rows > budget.rows:
        raise ContractViolationError("too many rows")
    left = budget.decoded_bytes
    row = 0
    for number in range(metadata.num_row_groups):
        end = row + metadata.row_group(number).num_rows
        if end > start_row:
            for each in file.iter_batches(batch_size=rows, row_groups=[number]):
                first, row = row, row + each.num_rows
                if row <= start_row:
                    continue
                batch = unpack(each.slice(max(0, start_row - first)))
                left -= batch.nbytes
                if left < 0:
                    raise ContractViolationError("too many bytes")
                yield batch
        row = end


#| exercise: m02-17-ex2
def set_aside(column: pa.Array, spell: Callable[[pa.Array], list[Any]]) -> tuple[list[Any], dict[int, str]]:
    spelled: list[Any] = [None] * len(column)
    bad: dict[int, str] = {}
    todo = [(0, len(column))]
    while todo:
        start, end = todo.pop()
        try:
            spelled[start:end] = spell(column[start:end])
        except (pa.lib.ArrowException, ValueError, OverflowError) as error:
            if end - start == 1:
                bad[start] = str(error).replace("\n", " ")
            else:
                middle = (start + end) // 2
                todo += [(start, middle), (middle, end)]
    return spelled, bad


#| exercise: m02-17-ex3
def spell_instants(column: pa.Array, zone: str) -> list[str | None]:
    moments = column.cast(pa.timestamp("us", column.type.tz))
    if moments.type.tz is None:
        if zone == "":
            raise ValueError("which clock was it?")
        moments = pc.assume_timezone(moments, timezone=zone, ambiguous="raise", nonexistent="raise")
    moments = moments.cast(pa.timestamp("us", "UTC"))
    for number in moments.cast(pa.int64()).to_pylist():
        if number is not None and not -62_135_596_800_000_000 <= number < 253_402_300_800_000_000:
            raise ValueError(f"{number} microseconds from 1970 is no year from 1 to 9999")
    return [None if text is None else text.replace(" ", "T") for text in moments.cast(pa.string()).to_pylist()]
