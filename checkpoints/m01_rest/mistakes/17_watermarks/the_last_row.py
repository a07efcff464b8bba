"""Takes the last row for the latest one: true until a source is not sorted, or sorted the other way."""
#| exercise: m01-17-ex1
#| caught by: test_ex1_the_latest_row_wherever_it_stands
def advance(mark: Watermark, records: Iterable[Record], until: datetime) -> Watermark:
    last = None
    for last in records:
        pass
    if last is None:
        return mark
    at = _instant(last.occurred_at)
    reached = Watermark(mark.source, mark.stream, *((until, "") if at > until else (at, last.key)))
    return max(mark, reached, key=lambda each: (each.updated_at, len(each.key), each.key))
