"""Moves an empty run to the bound: the row that is being committed at this moment is older than that."""
#| exercise: m01-17-ex1
#| caught by: test_ex1_no_rows_no_move
def advance(mark: Watermark, records: Iterable[Record], until: datetime) -> Watermark:
    latest = max(((_instant(record.occurred_at), len(record.key), record.key) for record in records), default=None)
    at, _, key = latest or (until, 0, "")
    reached = Watermark(mark.source, mark.stream, *((until, "") if at > until else (at, key)))
    return max(mark, reached, key=lambda each: (each.updated_at, len(each.key), each.key))
