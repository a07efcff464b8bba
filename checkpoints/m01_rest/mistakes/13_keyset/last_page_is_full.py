"""Takes the page before for the measure of a full one, and forgets that shorter ones were followed by more."""
#| exercise: m01-13-ex3
#| caught by: test_ex3_full_is_what_the_server_calls_full
def goes_on(progress: Progress, *, rows: int, fresh: int, has_more: bool | None) -> bool:
    if has_more is False:
        return False
    if fresh:
        progress.full_page = progress.last_page
        progress.last_page, progress.empty_pages = rows, 0
        return True
    if has_more is None and rows < progress.full_page:
        return False
    if rows:
        raise ConfigurationError(
            f"a page of {rows} rows brought nothing new, yet there are more; raise page_size above the number of rows"
            " that share one instant, or set after_param to the server's tie-breaker"
        )
    progress.empty_pages += 1
    if progress.empty_pages > MAX_EMPTY_PAGES:
        raise CorruptError(f"{progress.empty_pages} empty pages in a row that promise more rows")
    return True
