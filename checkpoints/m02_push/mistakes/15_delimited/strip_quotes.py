"""Strips quotes from both ends, and with them those that belong to the text."""
#| exercise: m02-15-ex2
#| caught by: test_ex2_two_quotes_are_one
def unquoted(field: str) -> str | None:
    if field.startswith('"'):
        return field.strip('"').replace('""', '"')
    return field or None
