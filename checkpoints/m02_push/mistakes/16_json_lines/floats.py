"""Leaves fractions to float: 0.10 is 0.1, and 1e400 is infinity."""
#| exercise: m02-16-ex1
#| caught by: test_ex1_every_digit_is_kept
def strict_json(text: bytes) -> Any:
    try:
        value = json.loads(
            text.decode(), object_pairs_hook=once_each, parse_constant=refuse_constant
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
