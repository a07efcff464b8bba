"""Puts the decoded path behind the base: a slash inside a key, %2F, becomes a slash between two parts."""
#| exercise: m01-10-ex1
#| caught by: test_ex1_a_path_is_appended
def resolve(base: httpx.URL, url: str, params: Params | None = None) -> httpx.URL:
    try:
        target = httpx.URL(url)
        if not target.scheme and not target.netloc:
            path = f"{base.path.rstrip('/')}/{target.path.lstrip('/')}"
            target = base.copy_with(path=path, query=target.query or None)
        if params:
            target = target.copy_merge_params(dict(params))
    except (httpx.InvalidURL, UnicodeError) as error:
        raise PermanentError(f"not a URL: {error}") from None
    if origin(target) != origin(base) or target.userinfo:
        raise PermanentError(f"refused to call {origin(target)}: this client calls {origin(base)} alone")
    return target.copy_with(fragment=None)
