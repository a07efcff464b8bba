"""Searches for the word: a title that says "next" is followed, and so is "nextish"."""
#| exercise: m01-12-ex2
#| caught by: test_ex2_none_without_next
def next_link(header: str) -> str | None:
    for target, parameters in re.findall(r"<([^>]*)>([^<]*)", header):
        if "next" in parameters.lower():
            return target
    return None
