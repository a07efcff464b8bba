"""Does not encode again: of two names the last is taken for the truth."""
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
    return decoded
