"""Counts the good rows as those read: the share of bad ones is then larger than it is."""
#| exercise: m02-18-ex2
#| caught by: test_ex2_bad_rows_are_a_share_of_all_rows
def batches_of(claim, parsed, schema, budget):
    bad, read = claim.quarantined, claim.mark.row
    held = None
    try:
        for s in parsed:
            rejects = tuple(reject_of(r, claim.drop, schema) for r in s.bad)
            bad += len(rejects)
            read += len(s.records)
            check_budget(budget, read, bad, rejects)
            if held:
                yield held
            held = Batch(s.records, FilePosition(claim, s.mark), rejects)
    except Exception:
        if held:
            yield held
        raise
    if held:
        yield msgspec.structs.replace(held, position=FilePosition(claim, held.position.mark, True))
    else:
        yield Batch((), FilePosition(claim, claim.mark, True))
