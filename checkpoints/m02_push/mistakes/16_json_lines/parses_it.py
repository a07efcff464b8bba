"""Lets the parser find the end: an element that is no JSON hides all that come after it."""
#| exercise: m02-16-ex3
#| caught by: test_ex3_a_value_ends_where_it_ends
def value_end(data: bytes, start: int) -> int | None:
    if data[start : start + 1] in (b",", b":", b"]", b"}", b" "):
        raise CorruptError("a value is missing")
    try:
        text = data[start:].decode()
        _, end = json.JSONDecoder().raw_decode(text)
    except ValueError:
        return None
    end = start + len(text[:end].encode())
    return end if end < len(data) or data[start : start + 1] in (b"{", b"[") else None
