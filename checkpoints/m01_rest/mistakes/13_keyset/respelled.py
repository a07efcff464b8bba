"""Parses the instant and writes it anew: digits that Python's clock lacks are cut off, and the same rows come again."""
#| exercise: m01-13-ex1
#| caught by: test_ex1_the_instant_goes_back_as_it_came
def question_after(mark: RowMark, *, since_param: str, after_param: str | None) -> dict[str, str]:
    since = datetime.fromisoformat(mark.occurred_at_text).astimezone(UTC).isoformat()
    tie_breaker = {} if after_param is None else {after_param: mark.key}
    return {since_param: since, **tie_breaker}
