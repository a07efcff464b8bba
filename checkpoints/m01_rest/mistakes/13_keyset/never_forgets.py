"""Keeps every key of every instant: right on a small table, and out of memory on a large one."""
#| exercise: m01-13-ex2
#| caught by: test_ex2_old_instants_are_forgotten
def fresh_rows(records: Sequence[Record], boundary: Boundary) -> tuple[Record, ...]:
    previous = boundary.instant
    for record in records:
        if previous is not None and record.occurred_at < previous:
            raise ContractViolationError("not in order")
        previous = record.occurred_at
    fresh = tuple(r for r in records if r.occurred_at != boundary.instant or r.key not in boundary.keys)
    boundary.instant = previous
    boundary.keys.update(record.key for record in records)
    return fresh
