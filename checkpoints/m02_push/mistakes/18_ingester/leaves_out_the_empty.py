"""Leaves out stretches without rows: the mark stays behind, and the end of the file is never saved."""
#| exercise: m02-18-ex2
#| caught by: test_ex2_a_stretch_without_rows_is_a_batch_too
def batches_of(claim, parsed, schema, budget):
    bad = claim.quarantined
    held = None
    try:
        for s in parsed:
            if not s.records and not s.bad:
                continue
            rejects = tuple(reject_of(r, claim.drop, schema) for r in s.bad)
            bad += len(rejects)
            check_budget(budget, s.mark.row, bad, rejects)
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
