"""Looks at scheme, host and port only: the user info in the URL becomes an Authorization header in place of ours."""
#| exercise: m01-10-ex1
#| caught by: test_ex1_no_credentials_inside
def resolve(base: httpx.URL, url: str, params: Params | None = None) -> httpx.URL:
    try:
        target = httpx.URL(url)
        if not target.scheme and not target.netloc:
            target = base.copy_with(raw_path=base.raw_path.rstrip(b"/") + b"/" + target.raw_path.lstrip(b"/"))
        if params:
            target = target.copy_merge_params(dict(params))
    except httpx.InvalidURL as error:
        raise PermanentError("not a URL") from None

    if origin(target) != origin(base):
        raise PermanentError("another origin")
    return target.copy_with(fragment=None)
