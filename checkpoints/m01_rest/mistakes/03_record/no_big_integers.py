"""Refuses integers beyond 64 bits: snowflake ids and blockchain amounts never land."""
#| exercise: m01-03-ex1
#| caught by: test_ex1_integers_of_any_size
def canonical_json(value: Any) -> bytes:
    try:
        text = orjson.dumps(value, option=_CANONICAL)
    except orjson.JSONEncodeError as error:
        if "64-bit" not in str(error):
            raise ContractViolationError(f"no canonical JSON for this {type(value).__name__}: {error}") from None
        raise ContractViolationError("an integer is too large")
    if b"null" in text and _holds_non_finite(value):  # orjson writes NaN as null
        raise ContractViolationError("no canonical JSON for NaN or infinity")
    return text
