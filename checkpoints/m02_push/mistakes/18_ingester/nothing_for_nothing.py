"""Gives no batch for an empty file: it stays claimed, and each run waits for it."""
#| exercise: m02-18-ex2
#| caught by: test_ex2_a_file_that_gives_nothing_is_done_all_the_same
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
        if held:
            yield held
        raise
    if held is None:
        return
    last = held
    yield Batch(last.records, FilePosition(claim, reached, done=True), last.rejects)
