"""Strips the key before it looks: a source whose key is a blank is refused, though it orders as well as any."""
#| exercise: m02-07-ex1
#| caught by: test_ex1_a_whole_event_passes
def check_event(event):
    name = f"{event.type} of {event.aggregatetype}"
    if not event.aggregateid.strip():
        raise ContractViolationError(f"{name}: no aggregateid")
    if event.occurred_at.utcoffset() is None:
        raise ContractViolationError(f"{name}: no zone")
    if (event.payload is None) != event.is_tombstone:
        raise ContractViolationError(f"{name}: no payload")
