"""Forgets that two quotes inside are one."""
#| exercise: m02-15-ex2
#| caught by: test_ex2_two_quotes_are_one
def unquoted(field: str) -> str | None:
    if field.startswith('"'):
        return field[1:-1]
    return field or None
