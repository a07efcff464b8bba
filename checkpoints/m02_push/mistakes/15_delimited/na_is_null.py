"""Knows that NA means not available. Namibia does not."""
#| exercise: m02-15-ex2
#| caught by: test_ex2_nothing_else_is_changed
def unquoted(field: str) -> str | None:
    if field.startswith('"'):
        return field[1:-1].replace('""', '"')
    return None if field in ("", "NA", "NULL", "null", "None", "\\N") else field
