"""Forgets which limit it is: 50 a second and 1,000 an hour share one bucket."""
#| exercise: m01-08-ex1
#| caught by: test_ex1_every_limit_of_every_name_has_its_own_key
def limit_keys(name: str, count: int) -> list[str]:
    if not name or "{" in name or "}" in name:
        raise ValueError(f"no name, or a brace in it: {name!r}")
    return [f"rate:{{{name}}}"] * count
