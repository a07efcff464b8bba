"""Pairs keys and answers as far as they go: a short answer silently denies the rest."""
#| exercise: m02-06-ex2
#| caught by: test_ex2_a_filter_that_fails_says_maybe
async def maybe_of(seen: SeenFilter | None, keys: Sequence[EventKey]) -> list[EventKey]:
    once = list(dict.fromkeys(keys))
    if seen is None or not once:
        return once
    try:
        answers = await seen.might_hold(once)
        return [key for key, may_be in zip(once, answers, strict=False) if may_be]
    except Exception as error:
        _logger.warning("the filter does not answer, so everything may be a duplicate: %s", error)
        return once
