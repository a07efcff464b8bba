"""Gives the empty string for nothing: null and an empty note are one, as in Python's csv."""
#| exercise: m02-15-ex2
#| caught by: test_ex2_nothing_is_null_and_quotes_around_nothing_are_a_text
def unquoted(field: str) -> str | None:
    if field.startswith('"'):
        return field[1:-1].replace('""', '"')
    return field
