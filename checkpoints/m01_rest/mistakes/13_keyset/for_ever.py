"""Believes `has_more` without looking at progress: the same full page is asked for until somebody notices the bill."""
#| exercise: m01-13-ex3
#| caught by: test_ex3_a_promise_and_the_same_rows_again, test_ex3_empty_pages_with_a_promise
def goes_on(progress: Progress, *, rows: int, fresh: int, has_more: bool | None) -> bool:
    if has_more is not None:
        return has_more
    if fresh:
        progress.full_page = min(progress.full_page, progress.last_page)
        progress.last_page = rows
        return True
    if rows >= progress.full_page:
        raise ConfigurationError("stuck")
    return False
