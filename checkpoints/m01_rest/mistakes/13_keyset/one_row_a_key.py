"""Keeps one row of each key: the page had it before and after a change, in this order for a reason."""
#| exercise: m01-13-ex2
#| caught by: test_ex2_a_row_that_changed_again_is_new
def fresh_rows(records: Sequence[Record], boundary: Boundary) -> tuple[Record, ...]:
    previous = boundary.instant
    for record in records:
        if previous is not None and record.occurred_at < previous:
            raise ContractViolationError(
                f"{record.source}.{record.stream}: {record.key} changed before the row in front of it; ask the server"
                " to sort by change, or read the listing by cursor or offset"
            )
        previous = record.occurred_at
    fresh = tuple(r for r in records if r.occurred_at != boundary.instant or r.key not in boundary.keys)
    if previous != boundary.instant:
        boundary.instant, boundary.keys = previous, set()
    boundary.keys.update(record.key for record in records if record.occurred_at == previous)
    return tuple({record.key: record for record in fresh}.values())
