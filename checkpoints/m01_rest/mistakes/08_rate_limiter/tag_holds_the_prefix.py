"""Tags what all names share: every limiter of the company on one node."""
#| exercise: m01-08-ex1
#| caught by: test_ex1_names_are_spread_over_the_slots
def limit_keys(name: str, count: int) -> list[str]:
    if not name or "{" in name or "}" in name:
        raise ValueError(f"no name, or a brace in it: {name!r}")
    return [f"{{rate}}:{name}:{number}" for number in range(count)]
