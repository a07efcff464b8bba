"""Takes a group's refusal for each one's: nine good events are set aside with the bad one."""
#| exercise: m02-11-ex3
#| caught by: test_ex3_only_the_guilty_are_refused
def settle(messages: Sequence[Message], attempt: Callable[[Mapping[int, Message]], Reports]) -> Outcome:
    reports = attempt(dict(enumerate(messages)))
    refused = dict(reports.refused)
    refused |= {index: error.str() for index, error in reports.failed.items() if error.code() in REFUSALS}
    left = (reports.pending | reports.failed.keys()) - refused.keys()
    return Outcome(refused, frozenset(left), reports.said if left else "")
