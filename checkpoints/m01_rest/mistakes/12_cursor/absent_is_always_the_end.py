"""Takes a missing field for the last page: a misspelt name copies one page and reports success."""
#| exercise: m01-12-ex1
#| caught by: test_ex1_neither_field_is_refused, test_ex1_a_promise_needs_a_name
def token_in(
    envelope: Mapping[str, Any],
    field: str,
    has_more_field: str,
    *,
    empty_is_end: bool = True,
    absent_is_end: bool = False,
) -> str | None:
    token, has_more = envelope.get(field), envelope.get(has_more_field)
    if token is not None and type(token) not in (str, int):
        raise CorruptError("wrong type")
    if has_more is False or token is None or (token == "" and empty_is_end):
        return None
    return str(token)
