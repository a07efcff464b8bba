"""Lets the library say what is no URL: the caller, who knows our errors, dies of an unknown one."""
#| exercise: m01-10-ex1
#| caught by: test_ex1_no_url_at_all
def resolve(base: httpx.URL, url: str, params: Params | None = None) -> httpx.URL:
    target = httpx.URL(url)
    if not target.scheme and not target.netloc:
        target = base.copy_with(raw_path=base.raw_path.rstrip(b"/") + b"/" + target.raw_path.lstrip(b"/"))
    if params:
        target = target.copy_merge_params(dict(params))

    if origin(target) != origin(base) or target.userinfo:
        raise PermanentError("another origin")
    return target.copy_with(fragment=None)
