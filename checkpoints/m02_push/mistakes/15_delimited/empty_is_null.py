"""Takes quotes off first and asks after: the empty string becomes null."""
#| exercise: m02-15-ex2
#| caught by: test_ex2_nothing_is_null_and_quotes_around_nothing_are_a_text
def unquoted(field: str) -> str | None:
    if field.startswith('"'):
        return field[1:-1].replace('""', '"') or None
    return field or None
