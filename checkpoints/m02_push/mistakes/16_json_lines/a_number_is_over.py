"""Takes a number that reaches to the end of the block for whole: 1,234 becomes 1."""
#| exercise: m02-16-ex3
#| caught by: test_ex3_not_known_yet
def value_end(data: bytes, start: int) -> int | None:
    if data[start : start + 1] not in (b"{", b"[", b'"'):
        scalar = SCALAR.match(data, start)
        if scalar is None:
            raise CorruptError("a value is missing")
        return scalar.end()
    depth = 0
    for token in TOKEN.finditer(data, start):
        if token[0] == b'"':
            return None
        depth += (token[0] in b"{[") - (token[0] in b"}]")
        if depth == 0:
            return token.end()
    return None
