"""Cuts a parameter at the last `=`: a token that ends in `==`, as base64 does, is taken for a name and shown."""
#| exercise: m01-02-ex1
#| caught by: test_ex1_secrets_in_the_query
def mask_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        _ = parts.port  # parsed only now, and refused if an unescaped password has shifted the host
    except ValueError:
        return "***"
    user, at, host = parts.netloc.rpartition("@")
    if not parts.scheme or not host or "@" in user or "@" in parts.path + parts.query + parts.fragment:
        return "***"
    name, colon, _ = user.partition(":")
    shown = f"{parts.scheme}://{name}{colon and ':***'}{at}{host}{parts.path}"
    pairs = [pair.rpartition("=") for pair in parts.query.split("&")] if parts.query else []
    query = "&".join(f"{key}{eq}{'***' if key.lower() in SECRET_PARAMETERS else value}" for key, eq, value in pairs)
    return f"{shown}?{query}" if query else shown
