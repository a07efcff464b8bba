"""Compares instants as text: offsets differ, so a good listing is refused and the same instant is another."""
#| exercise: m01-13-ex2
#| caught by: test_ex2_instants_are_compared_as_instants
def fresh_rows(records: Sequence[Record], boundary: Boundary) -> tuple[Record, ...]:
    previous = boundary.instant
    for record in records:
        if previous is not None and record.occurred_at.isoformat() < previous.isoformat():
            raise ContractViolationError("not in order")
        previous = record.occurred_at
    last = previous and previous.isoformat()
    at = boundary.instant and boundary.instant.isoformat()
    fresh = tuple(r for r in records if r.occurred_at.isoformat() != at or r.key not in boundary.keys)
    if last != at:
        boundary.instant, boundary.keys = previous, set()
    boundary.keys.update(record.key for record in records if record.occurred_at.isoformat() == last)
    return fresh
