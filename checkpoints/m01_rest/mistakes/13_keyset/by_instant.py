"""Drops the whole instant of the boundary, which is the microsecond once more: its other rows are lost."""
#| exercise: m01-13-ex2
#| caught by: test_ex2_a_new_row_of_the_same_instant_is_new, test_ex2_rows_of_the_boundary_come_once
def fresh_rows(records: Sequence[Record], boundary: Boundary) -> tuple[Record, ...]:
    previous = boundary.instant
    for record in records:
        if previous is not None and record.occurred_at < previous:
            raise ContractViolationError(
                f"{record.source}.{record.stream}: {record.key} changed before the row in front of it; ask the server"
                " to sort by change, or read the listing by cursor or offset"
            )
        previous = record.occurred_at
    fresh = tuple(r for r in records if r.occurred_at != boundary.instant)
    if previous != boundary.instant:
        boundary.instant, boundary.keys = previous, set()
    boundary.keys.update(record.key for record in records if record.occurred_at == previous)
    return fresh
