"""Looks ahead with a sentinel at the end, and tells errors apart with a table."""
#| exercise: m02-18-ex1
def pinned(drop: Drop, start: int) -> dict[str, str]:
    which = {"IfMatch": '"%s"' % drop.version} if re.match(r"^[0-9a-f]{32}(-\d+)?$", drop.version) else {"VersionId": drop.version}
    where = {} if start == 0 else {"Range": "bytes=%d-" % start}
    return dict(Bucket=drop.bucket, Key=drop.key) | which | where


#| exercise: m02-18-ex2
def batches_of(claim: FileClaim, parsed: Iterable[Parsed], schema: Schema, budget: ErrorBudget) -> Iterator[Batch]:
    stretches = iter(parsed)
    bad = claim.quarantined

    def following() -> Batch | Exception | None:
        nonlocal bad
        try:
            stretch = next(stretches, None)
            if stretch is None:
                return None
            bad += len(stretch.bad)
            rejects = tuple(reject_of(row, claim.drop, schema) for row in stretch.bad)
            check_budget(budget, stretch.mark.row, bad, rejects)
            return Batch(stretch.records, FilePosition(claim, stretch.mark), rejects)
        except Exception as error:
            return error

    current = following()
    if current is None:
        current = Batch((), FilePosition(claim, claim.mark))
    while isinstance(current, Batch):
        after = following()
        if after is None:
            end = FilePosition(claim, current.position.mark, True)
            yield Batch(current.records, end, current.rejects)
            return
        yield current
        current = after
    raise current


#| exercise: m02-18-ex3
def ending(error: Exception) -> Ending:
    table: list[tuple[tuple[type, ...], Ending]] = [
        ((GoneError,), Ending.SUPERSEDE),
        ((CorruptError, ContractViolationError), Ending.FAIL),
        ((IngestionError, OSError), Ending.GIVE_BACK),
    ]
    return next((meaning for kinds, meaning in table if isinstance(error, kinds)), Ending.LEAVE)
