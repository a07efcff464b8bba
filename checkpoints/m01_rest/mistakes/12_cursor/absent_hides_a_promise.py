"""Lets the setting for servers that leave the token out hide a promise of more."""
#| exercise: m01-12-ex1
#| caught by: test_ex1_a_promise_needs_a_name
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
        raise CorruptError(f"{field!r} is a {type(token).__name__}; expected text, a whole number or null")
    if has_more is False:
        return None
    if token == "" and empty_is_end:
        token = None
    if token is None and has_more is True and not absent_is_end:
        raise CorruptError(f"{has_more_field!r} promises another page, but {field!r} does not name it")
    if field not in envelope and not absent_is_end:
        raise CorruptError(
            f"the page has neither {field!r} nor {has_more_field!r}, so nothing says whether it is the last"
        )
    return None if token is None else str(token)
