"""Sets the parameters, which in httpx replaces the whole query: the cursor in the next link is gone."""
#| exercise: m01-10-ex1
#| caught by: test_ex1_params_are_merged, test_ex1_an_opaque_query_is_left_alone
def resolve(base: httpx.URL, url: str, params: Params | None = None) -> httpx.URL:
    try:
        target = httpx.URL(url)
        if not target.scheme and not target.netloc:
            target = base.copy_with(raw_path=base.raw_path.rstrip(b"/") + b"/" + target.raw_path.lstrip(b"/"))
        if params is not None:
            target = target.copy_with(params=dict(params))
    except httpx.InvalidURL as error:
        raise PermanentError("not a URL") from None

    if origin(target) != origin(base) or target.userinfo:
        raise PermanentError("another origin")
    return target.copy_with(fragment=None)
