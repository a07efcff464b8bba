"""Adds a microsecond where there is no tie-breaker, so that the last row does not come twice: the rest of its instant never comes."""
#| exercise: m01-13-ex1
#| caught by: test_ex1_no_tie_breaker_where_the_server_knows_none
def question_after(mark: RowMark, *, since_param: str, after_param: str | None) -> dict[str, str]:
    if after_param is not None:
        return {since_param: mark.occurred_at_text, after_param: mark.key}
    return {since_param: (datetime.fromisoformat(mark.occurred_at_text) + timedelta(microseconds=1)).isoformat()}
