"""Looks for NaN in the printed value: rows about Nancy, with a null in them, are refused."""
#| exercise: m01-03-ex1
#| caught by: test_ex1_refuses_what_is_no_number
def canonical_json(value: Any) -> bytes:
    try:
        text = orjson.dumps(value, option=_CANONICAL)
    except orjson.JSONEncodeError as error:
        if "64-bit" not in str(error):
            raise ContractViolationError(f"no canonical JSON for this {type(value).__name__}: {error}") from None
        return _with_big_integers(value)
    if b"null" in text and ("nan" in repr(value).lower() or "inf" in repr(value).lower()):  # orjson writes NaN as null
        raise ContractViolationError("no canonical JSON for NaN or infinity")
    return text
