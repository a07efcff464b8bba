"""Drops the fragment of absolute URLs only."""
#| exercise: m01-10-ex1
#| caught by: test_ex1_a_path_is_appended
def resolve(base: httpx.URL, url: str, params: Params | None = None) -> httpx.URL:
    try:
        target = httpx.URL(url)
        if not target.scheme and not target.netloc:
            path = base.raw_path.rstrip(b"/") + b"/" + target.raw_path.lstrip(b"/")
            target = base.copy_with(raw_path=path, fragment=target.fragment)
        if params:
            target = target.copy_merge_params(dict(params))
    except (httpx.InvalidURL, UnicodeError) as error:
        raise PermanentError(f"not a URL: {error}") from None
    if origin(target) != origin(base) or target.userinfo:
        raise PermanentError(f"refused to call {origin(target)}: this client calls {origin(base)} alone")
    return target.copy_with(fragment=None) if httpx.URL(url).scheme else target
