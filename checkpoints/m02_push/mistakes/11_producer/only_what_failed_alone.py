"""Sends alone what has failed, and leaves what had no report for later: it is overtaken."""
#| exercise: m02-11-ex3
#| caught by: test_ex3_alone_any_refusal_and_any_silence_counts
def settle(messages, attempt):
    r = attempt(dict(enumerate(messages)))
    refused = dict(r.refused)
    if not any(e.code() in REFUSED_IN_A_GROUP for e in r.failed.values()):
        left = r.pending | r.failed.keys()
        return Outcome(refused, frozenset(left), r.said if left else "")
    left = sorted(r.failed)
    rest = set(r.pending)
    said = r.said
    for n, i in enumerate(left):
        one = attempt({i: messages[i]})
        said = one.said
        if i in one.refused:
            refused[i] = one.refused[i]
        elif i in one.failed and one.failed[i].code() in REFUSALS:
            refused[i] = one.failed[i].str()
        elif i in one.failed or i in one.pending:
            rest |= set(left[n:])
            break
    return Outcome(refused, frozenset(rest), said if rest else "")
