"""Makes a Decimal of whatever looks like a number: eleven bytes of a file are a gigabyte, or an error nobody expects."""
#| exercise: m02-16-ex1
#| caught by: test_ex1_what_is_no_exact_json_is_refused
def strict_json(text: bytes) -> Any:
    from decimal import Decimal

    try:
        value = json.loads(
            text.decode(), object_pairs_hook=once_each, parse_constant=refuse_constant, parse_float=Decimal
        )
        if b"\\u" in text:
            refuse_unstorable(value)
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except UnicodeEncodeError:
        raise ValueError("half a surrogate pair") from None
    except RecursionError:
        raise ValueError("nested too deep") from None
    return value
