"""Looks at the values of an object and not at its names, which are text as well."""
#| exercise: m02-16-ex1
#| caught by: test_ex1_what_is_no_exact_json_is_refused
def strict_json(text: bytes) -> Any:
    try:
        value = json.loads(
            text.decode(), object_pairs_hook=once_each, parse_constant=refuse_constant, parse_float=exact_number
        )
        if b"\\u" in text:
            for inner in value.values() if isinstance(value, dict) else [value]:
                refuse_unstorable(inner)
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except UnicodeEncodeError:
        raise ValueError("half a surrogate pair") from None
    except RecursionError:
        raise ValueError("nested too deep") from None
    return value
