"""Catches BaseException to miss nothing: a generator that is closed then gives one more batch, which is a RuntimeError."""
#| exercise: m02-18-ex2
#| caught by: test_ex2_who_stops_asking_is_not_given_more
def batches_of(claim, parsed, schema, budget):
    bad = claim.quarantined
    held = None
    try:
        for s in parsed:
            rejects = tuple(reject_of(r, claim.drop, schema) for r in s.bad)
            bad += len(rejects)
            check_budget(budget, s.mark.row, bad, rejects)
            if held:
                yield held
            held = Batch(s.records, FilePosition(claim, s.mark), rejects)
    except BaseException:
        if held:
            yield held
        raise
    if held:
        yield msgspec.structs.replace(held, position=FilePosition(claim, held.position.mark, True))
    else:
        yield Batch((), FilePosition(claim, claim.mark, True))
