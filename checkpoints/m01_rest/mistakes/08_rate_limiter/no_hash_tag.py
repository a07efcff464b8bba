"""Plain keys: fine on one Redis, CROSSSLOT on the first day in a cluster."""
#| exercise: m01-08-ex1
#| caught by: test_ex1_all_limits_of_a_name_lie_in_one_slot
def limit_keys(name: str, count: int) -> list[str]:
    if not name or "{" in name or "}" in name:
        raise ValueError(f"no name, or a brace in it: {name!r}")
    return [f"rate:{name}:{number}" for number in range(count)]
