"""Tidies up while it checks: what was asked for is the text as it is."""
#| exercise: m01-02-ex2
#| caught by: test_ex2_good_urls_pass
def check_url(text: str, *schemes: str) -> str:
    if not text or re.search(r"\s", text):
        raise ValueError("is empty or has white space in it")
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError("has a port or a bracket that cannot be read") from None
    if parts.scheme not in schemes:
        raise ValueError(f"does not start with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    if not parts.hostname:
        raise ValueError("names no host")
    return text.rstrip("/")
