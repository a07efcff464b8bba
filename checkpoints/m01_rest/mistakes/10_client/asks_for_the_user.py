"""Looks for a user, and not for user info: a password alone makes an Authorization header, too."""
#| exercise: m01-10-ex1
#| caught by: test_ex1_no_credentials_inside
def resolve(base: httpx.URL, url: str, params: Params | None = None) -> httpx.URL:
    try:
        target = httpx.URL(url)
        if not target.scheme and not target.netloc:
            path = base.raw_path.rstrip(b"/") + b"/" + target.raw_path.lstrip(b"/")
            target = base.copy_with(raw_path=path)
        if params:
            target = target.copy_merge_params(dict(params))
    except (httpx.InvalidURL, UnicodeError) as error:
        raise PermanentError(f"not a URL: {error}") from None
    if origin(target) != origin(base) or target.username:
        raise PermanentError(f"refused to call {origin(target)}: this client calls {origin(base)} alone")
    return target.copy_with(fragment=None)
