"""Skips a quote without an end and counts what follows: brackets of a string that is cut off."""
#| exercise: m02-16-ex3
#| caught by: test_ex3_not_known_yet
def value_end(data: bytes, start: int) -> int | None:
    if data[start : start + 1] not in (b"{", b"[", b'"'):
        scalar = SCALAR.match(data, start)
        if scalar is None:
            raise CorruptError("a value is missing")
        return scalar.end() if scalar.end() < len(data) else None
    depth = 0
    for token in TOKEN.finditer(data, start):
        if token[0] == b'"':
            continue
        depth += (token[0] in b"{[") - (token[0] in b"}]")
        if depth == 0:
            return token.end()
    return None
