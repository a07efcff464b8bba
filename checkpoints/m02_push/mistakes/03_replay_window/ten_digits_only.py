"""Wants exactly ten digits, as timestamps have today."""
#| exercise: m02-03-ex1
#| caught by: test_ex1_digits_are_a_number
def parse_timestamp(text: bytes) -> int | None:
    return int(text) if len(text) == 10 and text.isdigit() else None
