"""Looks at the token alone: where the last page has one too, the walk goes on into an error."""
#| exercise: m01-12-ex1
#| caught by: test_ex1_has_more_false_ends_it, test_ex1_a_promise_needs_a_name
def token_in(
    envelope: Mapping[str, Any],
    field: str,
    has_more_field: str,
    *,
    empty_is_end: bool = True,
    absent_is_end: bool = False,
) -> str | None:
    token = envelope.get(field)
    if token is not None and type(token) not in (str, int):
        raise CorruptError("wrong type")
    if field not in envelope and has_more_field not in envelope and not absent_is_end:
        raise CorruptError("neither field")
    return None if token is None or (token == "" and empty_is_end) else str(token)
