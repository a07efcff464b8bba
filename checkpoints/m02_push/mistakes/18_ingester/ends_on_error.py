"""Marks what was read before an error as the end of the file: the rest is never loaded."""
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
    except (IngestionError, OSError):
        pass
    last = held or Batch(())
    yield Batch(last.records, FilePosition(claim, reached, done=True), last.rejects)
