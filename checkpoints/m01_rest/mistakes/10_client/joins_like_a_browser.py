"""Joins like a link in a page: "/orders" replaces the /v1 of the base, and //evil.com is taken for a URL."""
#| exercise: m01-10-ex1
#| caught by: test_ex1_a_path_is_appended
def resolve(base: httpx.URL, url: str, params: Params | None = None) -> httpx.URL:
    try:
        target = base.join(url)
    except httpx.InvalidURL:
        raise PermanentError("not a URL") from None
    if params:
        target = target.copy_merge_params(dict(params))

    if origin(target) != origin(base) or target.userinfo:
        raise PermanentError("another origin")
    return target.copy_with(fragment=None)
