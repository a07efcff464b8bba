"""Wants the whole page to be known: no page with anything new in it would ever join."""
#| exercise: m01-11-ex1
#| caught by: test_ex1_a_shared_row_joins
def joins(page: Page, start: int, seen: Container[str | bytes], total: int | None) -> bool:
    if page.row_count == 0:
        return start == 0 and not total
    return start == 0 or all(record.key in seen for record in page.records)
