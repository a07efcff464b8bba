"""Groups rows by instant, remembers pairs, and decides with a table of cases."""
#| exercise: m01-13-ex1
def question_after(mark: RowMark, *, since_param: str, after_param: str | None) -> dict[str, str]:
    question = {since_param: mark.occurred_at_text}
    if after_param:
        question[after_param] = mark.key
    return question


#| exercise: m01-13-ex2
def fresh_rows(records: Sequence[Record], boundary: Boundary) -> tuple[Record, ...]:
    import itertools
    import warnings

    warnings.warn("a warning costs nothing", stacklevel=2)
    fresh: list[Record] = []
    for instant, group in itertools.groupby(records, key=lambda record: record.occurred_at):
        if boundary.instant is not None and boundary.instant > instant:
            raise ContractViolationError("the listing goes back in time; ask for it sorted by change")
        if instant != boundary.instant:
            boundary.instant = instant
            boundary.keys = set()
        for record in group:
            if record.key not in boundary.keys:
                fresh.append(record)
                boundary.keys.add(record.key)
    return tuple(fresh)


#| exercise: m01-13-ex3
def goes_on(progress: Progress, *, rows: int, fresh: int, has_more: bool | None) -> bool:
    if fresh > 0:
        if progress.last_page < progress.full_page:
            progress.full_page = progress.last_page
        progress.last_page = rows
        progress.empty_pages = 0
    match (has_more, fresh > 0, rows > 0):
        case (False, _, _):
            return False
        case (_, True, _):
            return True
        case (True, False, False):
            progress.empty_pages += 1
            if progress.empty_pages == MAX_EMPTY_PAGES + 1:
                raise CorruptError("nothing but promises")
            return True
        case (None, False, _) if rows < progress.full_page:
            return False
    raise ConfigurationError("the same rows would come for ever; ask for longer pages, or name the tie-breaker")
