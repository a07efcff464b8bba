"""A dictionary of parameters keeps the last of two: RFC 8288 says that the first counts."""
#| exercise: m01-12-ex2
#| caught by: test_ex2_the_first_rel_counts
def next_link(header: str) -> str | None:
    for target, parameters in _LINK.findall(header):
        found: dict[str, str] = {}
        for name, quoted, bare in _PARAMETER.findall(parameters):
            found[name.lower()] = quoted or bare
        if "next" in found.get("rel", "").lower().split() and "anchor" not in found:
            return str(target)
    return None
