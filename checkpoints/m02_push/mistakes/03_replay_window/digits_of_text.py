"""Asks str.isdigit, for which "²" is a digit, until int() says it is not."""
#| exercise: m02-03-ex1
#| caught by: test_ex1_anything_else_is_none
def parse_timestamp(text: bytes) -> int | None:
    decoded = text.decode("latin-1")
    return int(decoded) if decoded.isdigit() and len(decoded) <= 12 else None
