"""Stops where the total says so: a count that was cached an hour ago cuts off the newest rows."""
#| exercise: m01-11-ex2
#| caught by: test_ex2_the_total_alone_is_not_the_end
def is_last(window: Window, rows: int, end: int, *, total: int | None, has_more: bool | None) -> bool:
    progressed = window.start + rows > end
    if has_more is True and not progressed:
        raise CorruptError("the server promises more rows but sends none")
    if has_more is not None:
        return not has_more
    return not progressed or (total is not None and window.start + rows >= total)
