"""Decides by size and total alone, though the server says it outright."""
#| exercise: m01-11-ex2
#| caught by: test_ex2_has_more_counts_most, test_ex2_a_promise_without_rows_is_refused
def is_last(window: Window, rows: int, end: int, *, total: int | None, has_more: bool | None) -> bool:
    if window.start + rows <= end:
        return True
    return rows < window.size and total is not None and window.start + rows >= total
