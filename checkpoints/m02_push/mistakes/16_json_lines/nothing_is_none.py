"""Asks whether the value is true: an empty object and a zero take the slow way, and none says why."""
#| exercise: m02-16-ex2
#| caught by: test_ex2_a_value_that_is_nothing_is_a_value
def decode_exact(texts, decode, encode):
    out = []
    for t in texts:
        try:
            v = decode(t)
        except (ValueError, RecursionError):
            v = None
        out.append(v if v and encode(v) == t else None)
    return out
