"""Decodes in one go and gives up at the first bad row: one bad row in a block sends all others the slow way."""
#| exercise: m02-16-ex2
#| caught by: test_ex2_exact_rows_come_out_in_their_places
def decode_exact(
    texts: Sequence[bytes], decode: Callable[[bytes], Any], encode: Callable[[Any], bytes]
) -> list[Any | None]:
    try:
        decoded = list(map(decode, texts))
    except (ValueError, RecursionError):
        return [None] * len(texts)
    return [value if encode(value) == text else None for value, text in zip(decoded, texts, strict=True)]
