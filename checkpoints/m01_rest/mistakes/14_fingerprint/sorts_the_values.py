"""Sorts whole parameters: `sort=total&sort=id` and the other way round become one question."""
#| exercise: m01-14-ex1
#| caught by: test_ex1_the_order_within_one_name_counts
def canonical_url(url: str) -> tuple[str, str, list[str]]:
    split = urlsplit(url)
    params = [param for param in escaped(split.query).split("&") if param]
    return _origin(split), escaped(split.path) or "/", sorted(params)
