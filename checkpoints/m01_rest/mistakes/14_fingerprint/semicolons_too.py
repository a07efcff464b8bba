"""Splits at `;` as well, as Python did until 2021: for a server of today that is a letter like any other."""
#| exercise: m01-14-ex1
#| caught by: test_ex1_every_parameter_stays_as_it_was_written
def canonical_url(url: str) -> tuple[str, str, list[str]]:
    split = urlsplit(url)
    params = [param for param in escaped(split.query).replace(";", "&").split("&") if param]
    return _origin(split), escaped(split.path) or "/", sorted(params, key=param_name)
