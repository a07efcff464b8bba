"""Compares the host alone: over http the token travels in clear text, and another port is another program."""
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

    if target.host != base.host or target.userinfo:
        raise PermanentError("another host")
    return target.copy_with(fragment=None)
