"""Sends the rest as a group again after each find, and never gets past the second guilty one."""
#| exercise: m02-11-ex3
#| caught by: test_ex3_only_the_guilty_are_refused, test_ex3_an_uncertain_one_stops_the_rest
def settle(messages: Sequence[Message], attempt: Callable[[Mapping[int, Message]], Reports]) -> Outcome:
    reports = attempt(dict(enumerate(messages)))
    refused, left = dict(reports.refused), sorted(reports.pending | reports.failed.keys())
    if any(error.code() in REFUSED_IN_A_GROUP for error in reports.failed.values()):
        index = left.pop(0)
        reports = attempt({index: messages[index]})
        if error := reports.failed.get(index):
            refused[index] = error.str()
        reports = attempt({index: messages[index] for index in left})
        left = sorted(reports.pending | reports.failed.keys())
    return Outcome(refused, frozenset(left), reports.said if left else "")
