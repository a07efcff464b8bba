"""Drops the slash at the end of the path: many servers answer the two differently."""
#| exercise: m01-14-ex1
#| caught by: test_ex1_the_path_is_left_alone
def canonical_url(url: str) -> tuple[str, str, list[str]]:
    split = urlsplit(url)
    params = [param for param in escaped(split.query).split("&") if param]
    return _origin(split), escaped(split.path).rstrip("/") or "/", sorted(params, key=param_name)
