"""Forgets that a decoder can run out of stack."""
#| exercise: m02-16-ex2
#| caught by: test_ex2_any_way_to_refuse
def decode_exact(
    texts: Sequence[bytes], decode: Callable[[bytes], Any], encode: Callable[[Any], bytes]
) -> list[Any | None]:
    decoded: list[Any | None] = []
    rest = iter(texts)
    while len(decoded) < len(texts):
        try:
            decoded.extend(map(decode, rest))  # keeps what came before a failure
        except ValueError:
            decoded.append(None)
    same = zip(decoded, map(encode, decoded), texts, strict=True)
    return [value if again == text else None for value, again, text in same]
