"""Compares keys by the alphabet: "9" comes after "10", so row 10 of that instant is read for ever, or never."""
#| exercise: m01-17-ex1
#| caught by: test_ex1_equal_instants_are_told_apart_by_their_keys
def advance(mark: Watermark, records: Iterable[Record], until: datetime) -> Watermark:
    latest = max(((_instant(record.occurred_at), record.key) for record in records), default=None)
    if latest is None:
        return mark
    at, key = latest
    reached = Watermark(mark.source, mark.stream, *((until, "") if at > until else (at, key)))
    return max(mark, reached, key=lambda each: (each.updated_at, each.key))
