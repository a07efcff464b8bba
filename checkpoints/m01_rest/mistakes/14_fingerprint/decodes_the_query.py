"""Parses the query and puts it together again: empty filters are gone, and an escaped & becomes a separator."""
#| exercise: m01-14-ex1
#| caught by: test_ex1_every_parameter_stays_as_it_was_written
def canonical_url(url: str) -> tuple[str, str, list[str]]:
    from urllib.parse import parse_qsl

    split = urlsplit(url)
    params = [f"{name}={value}" for name, value in parse_qsl(split.query)]
    return _origin(split), escaped(split.path) or "/", sorted(params, key=param_name)
