"""Writes UTC over the time zone of the bound: the clamp is hours off wherever that was another one."""
#| exercise: m01-17-ex1
#| caught by: test_ex1_the_future_is_cut_off_at_the_servers_clock
def advance(mark: Watermark, records: Iterable[Record], until: datetime) -> Watermark:
    latest = max(((_instant(record.occurred_at), len(record.key), record.key) for record in records), default=None)
    if latest is None:
        return mark
    at, _, key = latest
    reached = Watermark(mark.source, mark.stream, *((until.replace(tzinfo=UTC), "") if at > until else (at, key)))
    return max(mark, reached, key=lambda each: (each.updated_at, len(each.key), each.key))
