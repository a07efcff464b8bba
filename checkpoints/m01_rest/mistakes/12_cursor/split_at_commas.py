"""Splits the header at commas: a URL that has one falls to pieces."""
#| exercise: m01-12-ex2
#| caught by: test_ex2_commas_and_semicolons_inside
def next_link(header: str) -> str | None:
    for link in header.split(","):
        target, _, parameters = link.partition(";")
        if re.search(r'(?i)\brel\s*=\s*"?([^"]*\s)?next[\s"]?', parameters) and "anchor" not in parameters and target.strip():
            return target.strip().strip("<>")
    return None
