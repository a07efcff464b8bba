"""Shows the value that was refused: the customer's data is in the log now, and in every tool that reads it."""
#| exercise: m01-03-ex1
#| caught by: test_ex1_the_message_keeps_the_data_to_itself
def canonical_json(value: Any) -> bytes:
    try:
        text = orjson.dumps(value, option=_CANONICAL)
    except orjson.JSONEncodeError as error:
        if "64-bit" not in str(error):
            raise ContractViolationError(f"no canonical JSON for {value!r}: {error}") from None
        return _with_big_integers(value)
    if b"null" in text and _holds_non_finite(value):  # orjson writes NaN as null
        raise ContractViolationError("no canonical JSON for NaN or infinity")
    return text
