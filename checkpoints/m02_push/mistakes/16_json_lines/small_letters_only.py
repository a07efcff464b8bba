"""Looks for escapes in small letters to save time: an escape in capitals hides half a pair."""
#| exercise: m02-16-ex1
#| caught by: test_ex1_what_is_no_exact_json_is_refused
def strict_json(text):
    try:
        value = json.loads(text.decode(), object_pairs_hook=once_each, parse_constant=refuse_constant, parse_float=exact_number)
        if b"\\u0000" in text or b"\\ud" in text:
            refuse_unstorable(value)
        return value
    except RecursionError:
        raise ValueError("deep") from None
