"""Takes a link that talks about another page."""
#| exercise: m01-12-ex2
#| caught by: test_ex2_an_anchor_is_another_page
def next_link(header: str) -> str | None:
    for target, parameters in _LINK.findall(header):
        found: dict[str, str] = {}
        for name, quoted, bare in _PARAMETER.findall(parameters):
            found.setdefault(name.lower(), quoted or bare)
        if "next" in found.get("rel", "").lower().split():
            return str(target)
    return None
