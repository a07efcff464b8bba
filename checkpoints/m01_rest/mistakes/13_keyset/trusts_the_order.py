"""Does not look whether the listing is in order: unsorted, the next question skips what is behind the last row."""
#| exercise: m01-13-ex2
#| caught by: test_ex2_a_listing_out_of_order_is_refused
def fresh_rows(records: Sequence[Record], boundary: Boundary) -> tuple[Record, ...]:
    fresh = tuple(r for r in records if r.occurred_at != boundary.instant or r.key not in boundary.keys)
    if records:
        if records[-1].occurred_at != boundary.instant:
            boundary.instant, boundary.keys = records[-1].occurred_at, set()
        boundary.keys.update(record.key for record in records if record.occurred_at == boundary.instant)
    return fresh
