"""Looks for rel="next" as most servers write it: unquoted, upper case or two words, and the copy ends early."""
#| exercise: m01-12-ex2
#| caught by: test_ex2_rel_in_all_its_forms
def next_link(header: str) -> str | None:
    found = re.search(r'<([^>]*)>\s*;\s*rel="next"', header)
    return found[1] if found else None
