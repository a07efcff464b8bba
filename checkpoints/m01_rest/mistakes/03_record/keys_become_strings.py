"""Lets the encoder turn keys into strings: 1 and "1" become one key."""
#| exercise: m01-03-ex1
#| caught by: test_ex1_refuses_what_has_no_spelling
def canonical_json(value: Any) -> bytes:
    try:
        text = orjson.dumps(value, option=_CANONICAL | orjson.OPT_NON_STR_KEYS)
    except orjson.JSONEncodeError as error:
        if "64-bit" not in str(error):
            raise ContractViolationError(f"no canonical JSON for this {type(value).__name__}: {error}") from None
        return _with_big_integers(value)
    if b"null" in text and _holds_non_finite(value):  # orjson writes NaN as null
        raise ContractViolationError("no canonical JSON for NaN or infinity")
    return text
