"""Sends `after_id` to servers that do not know it: some ignore it, some answer 400."""
#| exercise: m01-13-ex1
#| caught by: test_ex1_no_tie_breaker_where_the_server_knows_none
def question_after(mark: RowMark, *, since_param: str, after_param: str | None) -> dict[str, str]:
    return {since_param: mark.occurred_at_text, after_param or "after_id": mark.key}
