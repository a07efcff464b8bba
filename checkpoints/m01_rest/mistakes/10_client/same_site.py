"""Allows subdomains, as cookies do: whoever may open one, a blog or a status page, gets the token."""
#| exercise: m01-10-ex1
#| caught by: test_ex1_no_other_origin
def resolve(base: httpx.URL, url: str, params: Params | None = None) -> httpx.URL:
    try:
        target = httpx.URL(url)
        if not target.scheme and not target.netloc:
            target = base.copy_with(raw_path=base.raw_path.rstrip(b"/") + b"/" + target.raw_path.lstrip(b"/"))
        if params:
            target = target.copy_merge_params(dict(params))
    except httpx.InvalidURL as error:
        raise PermanentError("not a URL") from None

    if target.scheme != base.scheme or target.port != base.port or target.userinfo or not f".{target.host}".endswith(f".{base.host}"):
        raise PermanentError("another site")
    return target.copy_with(fragment=None)
