"""Forgets the batch that it holds back when the reader fails: with a break in every batch, no run ever gets on."""
#| exercise: m02-18-ex2
#| caught by: test_ex2_an_error_comes_out_behind_what_was_read
def batches_of(claim: FileClaim, parsed: Iterable[Parsed], schema: Schema, budget: ErrorBudget) -> Iterator[Batch]:
    held: Batch | None = None
    reached, quarantined = claim.mark, claim.quarantined
    try:
        for stretch in parsed:
            quarantined += len(stretch.bad)
            rejects = tuple(reject_of(bad, claim.drop, schema) for bad in stretch.bad)
            check_budget(budget, stretch.mark.row, quarantined, rejects)
            if held:
                yield held
            reached = stretch.mark
            held = Batch(stretch.records, FilePosition(claim, reached), rejects)
    except Exception:
        raise
    last = held or Batch(())
    yield Batch(last.records, FilePosition(claim, reached, done=True), last.rejects)
