"""Takes the query apart with `parse_qsl` and writes it anew: empty values are gone, the escapes are others."""
#| exercise: m01-02-ex1
#| caught by: test_ex1_secrets_in_the_query
from urllib.parse import parse_qsl, urlencode


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
    pairs = parse_qsl(parts.query)
    query = urlencode([(key, "***" if key.lower() in SECRET_PARAMETERS else value) for key, value in pairs], safe="*")
    return f"{shown}?{query}" if query else shown
