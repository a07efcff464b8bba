"""Sends the key alone: the listing is not sorted by it."""
#| exercise: m01-13-ex1
#| caught by: test_ex1_the_pair_is_the_place, test_ex1_the_instant_goes_back_as_it_came
def question_after(mark: RowMark, *, since_param: str, after_param: str | None) -> dict[str, str]:
    if after_param is not None:
        return {after_param: mark.key}
    return {since_param: mark.occurred_at_text}
