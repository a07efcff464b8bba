"""Leaves the uncertain one and tries the others: later events of its key pass it."""
#| exercise: m02-11-ex3
#| caught by: test_ex3_an_uncertain_one_stops_the_rest
def settle(messages: Sequence[Message], attempt: Callable[[Mapping[int, Message]], Reports]) -> Outcome:
    reports = attempt(dict(enumerate(messages)))
    refused, left, said = dict(reports.refused), sorted(reports.pending | reports.failed.keys()), reports.said
    if any(error.code() in REFUSED_IN_A_GROUP for error in reports.failed.values()):
        uncertain = []
        for index in left:
            reports = attempt({index: messages[index]})
            error = reports.failed.get(index)
            if error and error.code() in REFUSALS:
                refused[index] = error.str()
            elif reports.pending or error:
                uncertain.append(index)
                said = reports.said
        left = uncertain
    return Outcome(refused, frozenset(left), said if left else "")
