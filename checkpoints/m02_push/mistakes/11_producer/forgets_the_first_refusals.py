"""Starts a new list of refusals with the second attempt: what the first one refused counts as delivered, and is deleted."""
#| exercise: m02-11-ex3
#| caught by: test_ex3_what_was_refused_by_itself_needs_no_second_try
def settle(messages: Sequence[Message], attempt: Callable[[Mapping[int, Message]], Reports]) -> Outcome:
    reports = attempt(dict(enumerate(messages)))
    refused, left = dict(reports.refused), sorted(reports.pending | reports.failed.keys())
    if any(error.code() in REFUSED_IN_A_GROUP for error in reports.failed.values()):
        refused = {}
        while left:
            index = left[0]
            reports = attempt({index: messages[index]})
            error = reports.failed.get(index)
            refused |= {index: error.str()} if error and error.code() in REFUSALS else reports.refused
            if index not in refused and (reports.pending or error):
                break
            left.pop(0)
    return Outcome(refused, frozenset(left), reports.said if left else "")
