"""Looks for a known row at the seam itself: after an insertion a new row stands there, and the walk goes back for nothing."""
#| exercise: m01-11-ex1
#| caught by: test_ex1_a_shared_row_joins
def joins(page: Page, start: int, seen: Container[str | bytes], total: int | None) -> bool:
    if page.row_count == 0 and total is not None and total > start:
        return False
    if start == 0:
        return True
    return bool(page.records) and page.records[0].key in seen or any(reject.raw in seen for reject in page.rejects)
