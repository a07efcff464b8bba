"""Takes an empty page for the end of the list: a hiccup of the server becomes the end of the copy."""
#| exercise: m01-11-ex1
#| caught by: test_ex1_an_empty_page_where_rows_are_counted_does_not_join
def joins(page: Page, start: int, seen: Container[str | bytes], total: int | None) -> bool:
    if start == 0:
        return True
    return any(record.key in seen for record in page.records) or any(reject.raw in seen for reject in page.rejects)
