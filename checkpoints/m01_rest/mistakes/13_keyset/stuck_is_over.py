"""Takes a page without news for the end: the crowd's other rows, and everything behind it, never come."""
#| exercise: m01-13-ex3
#| caught by: test_ex3_a_full_page_without_news_is_stuck, test_ex3_a_promise_and_the_same_rows_again
def goes_on(progress: Progress, *, rows: int, fresh: int, has_more: bool | None) -> bool:
    if has_more is False:
        return False
    if fresh:
        progress.empty_pages = 0
        return True
    if rows or not has_more:
        return False
    progress.empty_pages += 1
    if progress.empty_pages > MAX_EMPTY_PAGES:
        raise CorruptError("empty pages")
    return True
