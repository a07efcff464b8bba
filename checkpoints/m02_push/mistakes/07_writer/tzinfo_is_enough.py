"""Looks at tzinfo, which may be there and not know: such an instant is read in whatever zone the server has."""
#| exercise: m02-07-ex1
#| caught by: test_ex1_an_instant_needs_a_zone
def check_event(event: OutboxEvent) -> None:
    name = f"the event {event.type!r} of {event.aggregatetype}"
    if not event.aggregateid:
        raise ContractViolationError(f"{name} has an empty aggregateid")
    if event.occurred_at.tzinfo is None:
        raise ContractViolationError(f"{name}: occurred_at names no time zone")
    if (event.payload is None) != event.is_tombstone:
        raise ContractViolationError(f"{name} has a payload that does not fit")
