"""Gives an empty value where none begins: two commas in a row are a row."""
#| exercise: m02-16-ex3
#| caught by: test_ex3_no_value_at_all
def value_end(data: bytes, start: int) -> int | None:
    if data[start : start + 1] not in (b"{", b"[", b'"'):
        scalar = SCALAR.match(data, start)
        if scalar is None:
            return start
        return scalar.end() if scalar.end() < len(data) else None
    depth = 0
    for token in TOKEN.finditer(data, start):
        if token[0] == b'"':
            return None
        depth += (token[0] in b"{[") - (token[0] in b"}]")
        if depth == 0:
            return token.end()
    return None
