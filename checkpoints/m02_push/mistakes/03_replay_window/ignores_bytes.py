"""Decodes with errors="ignore": bytes that are no digits vanish before anybody looks."""
#| exercise: m02-03-ex1
#| caught by: test_ex1_anything_else_is_none
def parse_timestamp(text):
    s = text.decode("ascii", "ignore")
    return int(s) if 0 < len(s) <= 12 and s.isdigit() else None
