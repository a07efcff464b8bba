"""Compares the beginning of the text: api.example.com.evil.com begins with api.example.com."""
#| exercise: m01-10-ex1
#| caught by: test_ex1_no_other_origin
def resolve(base: httpx.URL, url: str, params: Params | None = None) -> httpx.URL:
    absolute = url if "://" in url else f"{base}".rstrip("/") + "/" + url.lstrip("/")
    if not absolute.lower().startswith(origin(base)):
        raise PermanentError("another origin")
    target = httpx.URL(absolute)
    return (target.copy_merge_params(dict(params)) if params else target).copy_with(fragment=None)
