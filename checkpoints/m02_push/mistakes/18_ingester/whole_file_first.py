"""Collects the file to know which stretch is the last: memory as large as the file."""
#| exercise: m02-18-ex2
#| caught by: test_ex2_no_more_than_one_batch_is_held_back
def batches_of(claim: FileClaim, parsed: Iterable[Parsed], schema: Schema, budget: ErrorBudget) -> Iterator[Batch]:
    held: Batch | None = None
    reached, quarantined = claim.mark, claim.quarantined
    try:
        for stretch in list(parsed):
            quarantined += len(stretch.bad)
            rejects = tuple(reject_of(bad, claim.drop, schema) for bad in stretch.bad)
            check_budget(budget, stretch.mark.row, quarantined, rejects)
            if held:
                yield held
            reached = stretch.mark
            held = Batch(stretch.records, FilePosition(claim, reached), rejects)
    except Exception:
        if held:
            yield held
        raise
    last = held or Batch(())
    yield Batch(last.records, FilePosition(claim, reached, done=True), last.rejects)
