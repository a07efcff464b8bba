"""Returns early for a tombstone: one without a key deletes nothing, or what it should not."""
#| exercise: m02-07-ex1
#| caught by: test_ex1_what_is_not_whole_is_refused
def check_event(event: OutboxEvent) -> None:
    name = f"the event {event.type!r} of {event.aggregatetype}"
    if event.occurred_at.utcoffset() is None:
        raise ContractViolationError(f"{name}: occurred_at names no time zone")
    if event.is_tombstone and event.payload is None:
        return
    if not event.aggregateid:
        raise ContractViolationError(f"{name} has an empty aggregateid")
    if event.is_tombstone or event.payload is None:
        raise ContractViolationError(f"{name} has a payload that does not fit")
