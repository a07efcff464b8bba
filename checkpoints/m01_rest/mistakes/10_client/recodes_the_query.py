"""Merges even when there is nothing to merge: the cursor is decoded and encoded anew, and comes out with other letters."""
#| exercise: m01-10-ex1
#| caught by: test_ex1_an_opaque_query_is_left_alone
def resolve(base: httpx.URL, url: str, params: Params | None = None) -> httpx.URL:
    try:
        target = httpx.URL(url)
        if not target.scheme and not target.netloc:
            target = base.copy_with(raw_path=base.raw_path.rstrip(b"/") + b"/" + target.raw_path.lstrip(b"/"))
        target = target.copy_merge_params(dict(params or {}))
    except httpx.InvalidURL as error:
        raise PermanentError("not a URL") from None

    if origin(target) != origin(base) or target.userinfo:
        raise PermanentError("another origin")
    return target.copy_with(fragment=None)
