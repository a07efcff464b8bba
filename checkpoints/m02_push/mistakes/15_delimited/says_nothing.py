"""Refuses without a name: the operator knows that something is wrong, and not what."""
#| exercise: m02-15-ex1
#| caught by: test_ex1_another_layout_is_refused_by_name
def match_header(header: str, names: Sequence[str]) -> Layout:
    problems = []
    for delimiter in _DELIMITERS:
        found = [field.removeprefix('"').removesuffix('"') for field in header.split(delimiter)]
        if sorted(found) == sorted(names):
            return Layout(delimiter, tuple(found.index(name) for name in names))
        wrong = {
            "missing": [name for name in names if name not in found],
            "not declared": sorted(set(found) - set(names)),
            "twice": sorted({name for name in found if found.count(name) > 1}),
        }
        problems.append((len(wrong["missing"]), wrong))
    _, wrong = min(problems, key=lambda problem: problem[0])
    said = "; ".join(f"{what}: {', '.join(map(repr, which[:20]))}" for what, which in wrong.items() if which)
    raise ContractViolationError("the header has not the declared columns")
