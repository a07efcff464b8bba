"""Gives a stretch out and judges it when the next one comes: the one that breaks the budget has landed."""
#| exercise: m02-18-ex2
#| caught by: test_ex2_a_stretch_is_judged_before_it_is_given_out
def batches_of(claim: FileClaim, parsed: Iterable[Parsed], schema: Schema, budget: ErrorBudget) -> Iterator[Batch]:
    held: Batch | None = None
    reached, quarantined = claim.mark, claim.quarantined
    try:
        for stretch in parsed:
            quarantined += len(stretch.bad)
            rejects = tuple(reject_of(bad, claim.drop, schema) for bad in stretch.bad)
            if held:
                yield held
            reached = stretch.mark
            held = Batch(stretch.records, FilePosition(claim, reached), rejects)
            check_budget(budget, stretch.mark.row, quarantined, rejects)
    except Exception:
        if held:
            yield held
        raise
    last = held or Batch(())
    yield Batch(last.records, FilePosition(claim, reached, done=True), last.rejects)
