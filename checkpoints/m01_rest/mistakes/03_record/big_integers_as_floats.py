"""Lets huge integers through a double: the last digits of an id change."""
#| exercise: m01-03-ex1
#| caught by: test_ex1_integers_of_any_size
def canonical_json(value: Any) -> bytes:
    try:
        text = orjson.dumps(value, option=_CANONICAL)
    except orjson.JSONEncodeError as error:
        if "64-bit" not in str(error):
            raise ContractViolationError(f"no canonical JSON for this {type(value).__name__}: {error}") from None
        return orjson.dumps(json.loads(json.dumps(value), parse_int=float), option=_CANONICAL)
    if b"null" in text and _holds_non_finite(value):  # orjson writes NaN as null
        raise ContractViolationError("no canonical JSON for NaN or infinity")
    return text
