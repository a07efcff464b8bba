"""Waits for the count to be met exactly: rows that came meanwhile carry it past that."""
#| exercise: m01-11-ex2
#| caught by: test_ex2_short_and_counted_is_the_end
def is_last(window: Window, rows: int, end: int, *, total: int | None, has_more: bool | None) -> bool:
    progressed = window.start + rows > end
    if has_more is True and not progressed:
        raise CorruptError("the server promises more rows but sends none")
    if has_more is not None or not progressed:
        return not has_more
    return rows < window.size and total is not None and window.start + rows == total
