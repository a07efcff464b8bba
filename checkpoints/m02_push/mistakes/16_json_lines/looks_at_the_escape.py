"""Refuses every escape that looks like a half: an emoji written by json.dumps is two of them."""
#| exercise: m02-16-ex1
#| caught by: test_ex1_what_is_good_json_comes_through
def strict_json(text: bytes) -> Any:
    try:
        value = json.loads(
            text.decode(), object_pairs_hook=once_each, parse_constant=refuse_constant, parse_float=exact_number
        )
        if b"\\ud" in text or b"\\u0000" in text:
            raise ValueError("half a surrogate pair")
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except UnicodeEncodeError:
        raise ValueError("half a surrogate pair") from None
    except RecursionError:
        raise ValueError("nested too deep") from None
    return value
