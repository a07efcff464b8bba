"""Goes on for as long as the server promises more: with nothing new in any page, for ever."""
#| exercise: m01-11-ex2
#| caught by: test_ex2_a_promise_without_rows_is_refused
def is_last(window: Window, rows: int, end: int, *, total: int | None, has_more: bool | None) -> bool:
    if has_more is not None:
        return not has_more
    if window.start + rows <= end:
        return True
    return rows < window.size and total is not None and window.start + rows >= total
