"""Compares the datetimes as they come: in one time zone Python looks at the clock on the wall, and an hour in October counts backwards."""
#| exercise: m01-17-ex1
#| caught by: test_ex1_instants_and_not_the_clock_on_the_wall
def advance(mark: Watermark, records: Iterable[Record], until: datetime) -> Watermark:
    latest = max(((record.occurred_at, len(record.key), record.key) for record in records), default=None)
    if latest is None:
        return mark
    at, _, key = latest
    reached = Watermark(mark.source, mark.stream, *((until, "") if at > until else (at, key)))
    return max(mark, reached, key=lambda each: (each.updated_at, len(each.key), each.key))
