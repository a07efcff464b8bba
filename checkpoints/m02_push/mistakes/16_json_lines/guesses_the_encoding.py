"""Gives the bytes to json.loads, which guesses UTF-16 and UTF-32: two spellings of one file, and one is not JSON (RFC 8259, 8.1)."""
#| exercise: m02-16-ex1
#| caught by: test_ex1_what_is_no_exact_json_is_refused
def strict_json(text):
    try:
        value = json.loads(text, object_pairs_hook=once_each, parse_constant=refuse_constant, parse_float=exact_number)
        refuse_unstorable(value)
        return value
    except RecursionError:
        raise ValueError("deep") from None
