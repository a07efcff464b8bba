"""Asks whether the token is true: 0 is not, so the listing ends after its first page."""
#| exercise: m01-12-ex1
#| caught by: test_ex1_zero_is_a_token, test_ex1_empty_text_by_configuration
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
        raise CorruptError(f"{field!r} is a {type(token).__name__}")
    if has_more is False:
        return None
    token = token or None
    if token is None and has_more is True:
        raise CorruptError("promised and not named")
    if field not in envelope and not absent_is_end:
        raise CorruptError("neither field")
    return None if token is None else str(token)
