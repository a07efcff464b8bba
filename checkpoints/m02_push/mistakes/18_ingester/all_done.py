"""Says done with every batch: a kill after the first one leaves a file that counts as loaded."""
#| exercise: m02-18-ex2
#| caught by: test_ex2_the_last_batch_and_no_other_is_done
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
            held = Batch(stretch.records, FilePosition(claim, reached, done=True), rejects)
    except Exception:
        if held:
            yield held
        raise
    last = held or Batch(())
    yield Batch(last.records, FilePosition(claim, reached, done=True), last.rejects)
