"""Lets the RecursionError out: one line of brackets ends the worker."""
#| exercise: m02-16-ex1
#| caught by: test_ex1_what_is_no_exact_json_is_refused
def strict_json(text: bytes) -> Any:
    try:
        value = json.loads(
            text.decode(), object_pairs_hook=once_each, parse_constant=refuse_constant, parse_float=exact_number
        )
        if b"\\u" in text:
            refuse_unstorable(value)
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except UnicodeEncodeError:
        raise ValueError("half a surrogate pair") from None
    return value
