"""Saves the mark before the stretch with its rows: each resume reads a batch twice."""
#| exercise: m02-18-ex2
#| caught by: test_ex2_every_stretch_is_a_batch_with_the_mark_after_it
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
            held = Batch(stretch.records, FilePosition(claim, reached), rejects)
            reached = stretch.mark
    except Exception:
        if held:
            yield held
        raise
    last = held or Batch(())
    yield Batch(last.records, FilePosition(claim, reached, done=True), last.rejects)
