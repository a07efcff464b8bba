"""Tries one by one whenever something failed: a lost connection costs a thousand round trips before anybody says so."""
#| exercise: m02-11-ex3
#| caught by: test_ex3_without_a_refusal_nothing_is_tried_alone
def settle(messages: Sequence[Message], attempt: Callable[[Mapping[int, Message]], Reports]) -> Outcome:
    reports = attempt(dict(enumerate(messages)))
    refused, left = dict(reports.refused), sorted(reports.pending | reports.failed.keys())
    if left:
        while left:
            index = left[0]
            reports = attempt({index: messages[index]})
            error = reports.failed.get(index)
            refused |= {index: error.str()} if error and error.code() in REFUSALS else reports.refused
            if index not in refused and (reports.pending or error):
                break
            left.pop(0)
    return Outcome(refused, frozenset(left), reports.said if left else "")
