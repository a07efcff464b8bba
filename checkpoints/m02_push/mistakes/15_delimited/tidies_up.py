"""Strips white space: nobody will miss it. Until it is part of a key."""
#| exercise: m02-15-ex2
#| caught by: test_ex2_nothing_else_is_changed
def unquoted(field: str) -> str | None:
    if field.startswith('"'):
        return field[1:-1].replace('""', '"')
    return field.strip() or None
