"""Counts brackets and knows no strings: a note with a bracket in it ends the object early."""
#| exercise: m02-16-ex3
#| caught by: test_ex3_a_value_ends_where_it_ends
def value_end(data: bytes, start: int) -> int | None:
    if data[start : start + 1] not in (b"{", b"[", b'"'):
        scalar = SCALAR.match(data, start)
        if scalar is None:
            raise CorruptError("a value is missing")
        return scalar.end() if scalar.end() < len(data) else None
    depth = 0
    for token in re.finditer(rb'"[^"]*"$|[{}\[\]]', data[start:]) if data[start:start+1] != b'"' else TOKEN.finditer(data, start):
        depth += (token[0] in b"{[") - (token[0] in b"}]")
        if depth == 0:
            return token.end() + (start if data[start:start+1] != b'"' else 0)
    return None
