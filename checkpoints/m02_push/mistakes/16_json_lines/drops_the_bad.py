"""Leaves bad rows out instead of a None in their place: every row behind them is taken for another."""
#| exercise: m02-16-ex2
#| caught by: test_ex2_exact_rows_come_out_in_their_places, test_ex2_all_bad_all_good_and_none
def decode_exact(
    texts: Sequence[bytes], decode: Callable[[bytes], Any], encode: Callable[[Any], bytes]
) -> list[Any | None]:
    decoded = []
    for text in texts:
        try:
            value = decode(text)
        except (ValueError, RecursionError):
            continue
        decoded.append(value if encode(value) == text else None)
    return decoded
