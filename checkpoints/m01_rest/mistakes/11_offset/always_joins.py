"""Believes every page: what an offset loop does that never looks back."""
#| exercise: m01-11-ex1
#| caught by: test_ex1_nothing_shared_does_not_join, test_ex1_an_empty_page_past_the_end_joins_nothing
def joins(page: Page, start: int, seen: Container[str | bytes], total: int | None) -> bool:
    return page.row_count > 0 or not total or total <= start
