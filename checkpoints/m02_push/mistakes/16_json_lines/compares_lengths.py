"""Compares lengths, which is cheaper: another order of names has the same length."""
#| exercise: m02-16-ex2
#| caught by: test_ex2_exact_rows_come_out_in_their_places
def decode_exact(
    texts: Sequence[bytes], decode: Callable[[bytes], Any], encode: Callable[[Any], bytes]
) -> list[Any | None]:
    decoded: list[Any | None] = []
    rest = iter(texts)
    while len(decoded) < len(texts):
        try:
            decoded.extend(map(decode, rest))  # keeps what came before a failure
        except (ValueError, RecursionError):
            decoded.append(None)
    same = zip(decoded, map(encode, decoded), texts, strict=True)
    return [value if len(again) == len(text) else None for value, again, text in same]
