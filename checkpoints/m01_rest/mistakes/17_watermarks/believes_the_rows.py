"""Takes the latest row at its word: one order from 2099, and nothing before 2099 is ever read again."""
#| exercise: m01-17-ex1
#| caught by: test_ex1_the_future_is_cut_off_at_the_servers_clock
def advance(mark: Watermark, records: Iterable[Record], until: datetime) -> Watermark:
    latest = max(((_instant(record.occurred_at), len(record.key), record.key) for record in records), default=None)
    if latest is None:
        return mark
    reached = Watermark(mark.source, mark.stream, latest[0], latest[2])
    return max(mark, reached, key=lambda each: (each.updated_at, len(each.key), each.key))
