"""Catches whatever comes, the order to stop included: a shutdown hangs."""
#| exercise: m02-06-ex2
#| caught by: test_ex2_an_order_to_stop_is_obeyed
async def maybe_of(seen: SeenFilter | None, keys: Sequence[EventKey]) -> list[EventKey]:
    once = list(dict.fromkeys(keys))
    if seen is None or not once:
        return once
    try:
        answers = await seen.might_hold(once)
        return [key for key, may_be in zip(once, answers, strict=True) if may_be]
    except BaseException as error:
        _logger.warning("the filter does not answer, so everything may be a duplicate: %s", error)
        return once
