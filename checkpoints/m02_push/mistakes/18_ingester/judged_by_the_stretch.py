"""Judges each stretch by itself: a bad stretch in a large good file fails it, and a file that is bad throughout passes in small ones."""
#| exercise: m02-18-ex2
#| caught by: test_ex2_bad_rows_count_over_the_whole_file_and_over_runs
def batches_of(claim: FileClaim, parsed: Iterable[Parsed], schema: Schema, budget: ErrorBudget) -> Iterator[Batch]:
    held: Batch | None = None
    reached, quarantined = claim.mark, claim.quarantined
    try:
        for stretch in parsed:
            rejects = tuple(reject_of(bad, claim.drop, schema) for bad in stretch.bad)
            check_budget(budget, len(stretch.records) + len(stretch.bad), len(stretch.bad), rejects)
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
