"""Gives the whole group back as undelivered: it comes again, and is refused again, for ever."""
#| exercise: m02-11-ex3
#| caught by: test_ex3_only_the_guilty_are_refused
def settle(messages: Sequence[Message], attempt: Callable[[Mapping[int, Message]], Reports]) -> Outcome:
    reports = attempt(dict(enumerate(messages)))
    left = reports.pending | reports.failed.keys()
    return Outcome(dict(reports.refused), frozenset(left), reports.said if left else "")
