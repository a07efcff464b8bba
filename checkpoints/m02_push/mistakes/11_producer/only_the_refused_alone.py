"""Sends only those alone that were refused in a group, and leaves what was purged behind them: the last to be sent are the first again."""
#| exercise: m02-11-ex3
#| caught by: test_ex3_only_the_guilty_are_refused
def settle(messages: Sequence[Message], attempt: Callable[[Mapping[int, Message]], Reports]) -> Outcome:
    reports = attempt(dict(enumerate(messages)))
    refused, left = dict(reports.refused), sorted(reports.pending | reports.failed.keys())
    if any(error.code() in REFUSED_IN_A_GROUP for error in reports.failed.values()):
        left = [index for index, error in reports.failed.items() if error.code() in REFUSED_IN_A_GROUP]
        while left:
            index = left[0]
            reports = attempt({index: messages[index]})
            error = reports.failed.get(index)
            refused |= {index: error.str()} if error and error.code() in REFUSALS else reports.refused
            if index not in refused and (reports.pending or error):
                break
            left.pop(0)
    return Outcome(refused, frozenset(left), reports.said if left else "")
