"""Starts over behind each failure with all that came before: a thousand bad rows are a million calls."""
#| exercise: m02-16-ex2
#| caught by: test_ex2_each_row_is_decoded_once
def decode_exact(
    texts: Sequence[bytes], decode: Callable[[bytes], Any], encode: Callable[[Any], bytes]
) -> list[Any | None]:
    bad: set[int] = set()
    while True:
        decoded: list[Any] = []
        try:
            for index, text in enumerate(texts):
                decoded.append(None if index in bad else decode(text))
            break
        except (ValueError, RecursionError):
            bad.add(len(decoded))
    return [
        value if index not in bad and encode(value) == text else None
        for index, (value, text) in enumerate(zip(decoded, texts, strict=True))
    ]
