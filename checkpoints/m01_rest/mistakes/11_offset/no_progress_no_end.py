"""Never asks whether a page brought anything: where the total is too high, the last page comes for ever."""
#| exercise: m01-11-ex2
#| caught by: test_ex2_nothing_new_is_the_end
def is_last(window: Window, rows: int, end: int, *, total: int | None, has_more: bool | None) -> bool:
    if has_more is True and window.start + rows <= end:
        raise CorruptError("the server promises more rows but sends none")
    if has_more is not None:
        return not has_more
    return rows < window.size and total is not None and window.start + rows >= total
