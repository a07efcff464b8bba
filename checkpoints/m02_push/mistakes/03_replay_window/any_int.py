"""Leaves it to int(), which reads spaces, signs, underscores and the digits of every script."""
#| exercise: m02-03-ex1
#| caught by: test_ex1_anything_else_is_none
def parse_timestamp(text: bytes) -> int | None:
    try:
        return int(text.decode()) if len(text) <= 40 else None
    except ValueError:
        return None
