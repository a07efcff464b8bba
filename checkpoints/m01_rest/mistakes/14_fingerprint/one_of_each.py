"""Keeps the parameters in a dictionary: the last of one name is all that is left of a list."""
#| exercise: m01-14-ex1
#| caught by: test_ex1_every_parameter_stays_as_it_was_written, test_ex1_the_order_within_one_name_counts
def canonical_url(url: str) -> tuple[str, str, list[str]]:
    split = urlsplit(url)
    params = {param_name(param): param for param in escaped(split.query).split("&") if param}
    return _origin(split), escaped(split.path) or "/", [params[name] for name in sorted(params)]
