"""Knows rows by their keys alone: when the row at the seam is malformed, the walk goes back again and again."""
#| exercise: m01-11-ex1
#| caught by: test_ex1_a_known_reject_joins_too
def joins(page: Page, start: int, seen: Container[str | bytes], total: int | None) -> bool:
    if page.row_count == 0 and total is not None and total > start:
        return False
    return start == 0 or any(record.key in seen for record in page.records)
