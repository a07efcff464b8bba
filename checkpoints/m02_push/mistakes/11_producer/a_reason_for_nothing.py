"""Gives what was said last as the reason even if everything is delivered: a relay then backs off for nothing."""
#| exercise: m02-11-ex3
#| caught by: test_ex3_what_went_well_is_settled_at_once
def settle(messages, attempt):
    r = attempt(dict(enumerate(messages)))
    refused = dict(r.refused)
    left = sorted(r.pending | r.failed.keys())
    said = r.said
    if any(e.code() in REFUSED_IN_A_GROUP for e in r.failed.values()):
        while left:
            i = left[0]
            one = attempt({i: messages[i]})
            said = one.said
            if i in one.refused:
                refused[i] = one.refused[i]
            elif i in one.failed and one.failed[i].code() in REFUSALS:
                refused[i] = one.failed[i].str()
            elif i in one.failed or i in one.pending:
                break
            left.pop(0)
    return Outcome(refused, frozenset(left), said)
