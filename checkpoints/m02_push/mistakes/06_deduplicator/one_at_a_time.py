"""Asks key by key: the calls that a batch was made to spare."""
#| exercise: m02-06-ex2
#| caught by: test_ex2_gives_what_may_be_there_each_once
async def maybe_of(seen: SeenFilter | None, keys: Sequence[EventKey]) -> list[EventKey]:
    once = list(dict.fromkeys(keys))
    if seen is None or not once:
        return once
    try:
        answers = [answer for key in once for answer in await seen.might_hold([key])]
        return [key for key, may_be in zip(once, answers, strict=True) if may_be]
    except Exception as error:
        _logger.warning("the filter does not answer, so everything may be a duplicate: %s", error)
        return once
