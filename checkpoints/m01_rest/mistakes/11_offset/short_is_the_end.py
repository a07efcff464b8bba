"""Stops at the first short page: a server that caps pages at 50 ends the copy after 50 rows."""
#| exercise: m01-11-ex2
#| caught by: test_ex2_short_alone_is_not_the_end
def is_last(window: Window, rows: int, end: int, *, total: int | None, has_more: bool | None) -> bool:
    progressed = window.start + rows > end
    if has_more is True and not progressed:
        raise CorruptError("the server promises more rows but sends none")
    if has_more is not None:
        return not has_more
    return not progressed or rows < window.size
