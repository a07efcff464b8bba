"""Asks 'not event.payload': empty bytes are taken for no payload, and an event that says only that something happened is refused."""
#| exercise: m02-07-ex1
#| caught by: test_ex1_a_whole_event_passes
def check_event(event: OutboxEvent) -> None:
    name = f"the event {event.type!r} of {event.aggregatetype}"
    if not event.aggregateid:
        raise ContractViolationError(f"{name} has an empty aggregateid")
    if event.occurred_at.utcoffset() is None:
        raise ContractViolationError(f"{name}: occurred_at names no time zone")
    if bool(event.payload) == event.is_tombstone:
        raise ContractViolationError(f"{name} has a payload that does not fit")
