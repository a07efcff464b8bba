"""Looks for refusals of one alone among the failures only: what was refused for itself is taken for delivered, and deleted."""
#| exercise: m02-11-ex3
#| caught by: test_ex3_alone_any_refusal_and_any_silence_counts
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
            if i in one.failed and one.failed[i].code() in REFUSALS:
                refused[i] = one.failed[i].str()
            elif i in one.failed or i in one.pending:
                break
            left.pop(0)
    return Outcome(refused, frozenset(left), said if left else "")
