"""Guards against a payload forgotten and not against a tombstone that brings one: the value goes out, and nothing is deleted."""
#| exercise: m02-07-ex1
#| caught by: test_ex1_what_is_not_whole_is_refused, test_ex1_a_refusal_says_which_event_and_quotes_no_payload
def check_event(event: OutboxEvent) -> None:
    name = f"the event {event.type!r} of {event.aggregatetype}"
    if not event.aggregateid:
        raise ContractViolationError(f"{name} has an empty aggregateid")
    if event.occurred_at.utcoffset() is None:
        raise ContractViolationError(f"{name}: occurred_at names no time zone")
    if event.payload is None and not event.is_tombstone:
        raise ContractViolationError(f"{name} has no payload")
