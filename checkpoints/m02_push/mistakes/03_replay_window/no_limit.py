"""Forgets the length: int() works for a while on 4,000 digits, and raises at 4,301."""
#| exercise: m02-03-ex1
#| caught by: test_ex1_anything_else_is_none
def parse_timestamp(text: bytes) -> int | None:
    return int(text) if text.isdigit() else None
