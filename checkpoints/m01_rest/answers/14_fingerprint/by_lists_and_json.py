"""Sorts by hand into groups, and lets JSON and hashes of hashes keep the parts apart."""
#| exercise: m01-14-ex1
def canonical_url(url: str) -> tuple[str, str, list[str]]:
    split = urlsplit(url)
    origin = _origin(split)
    groups: dict[str, list[str]] = {}
    for param in filter(None, split.query.split("&")):
        spelled = escaped(param)
        groups.setdefault(param_name(spelled), []).append(spelled)
    path = escaped(split.path) if split.path else "/"
    return origin, path, [param for name in sorted(groups) for param in groups[name]]


#| exercise: m01-14-ex2
def pack(parts: Iterable[bytes]) -> bytes:
    return json.dumps([part.hex() for part in parts]).encode("ascii")


#| exercise: m01-14-ex3
def who_asks(url: str, params: Iterable[str], tenant: str, secret_params: Collection[str] = SECRET_PARAMS) -> list[str]:
    import warnings

    warnings.warn("a warning costs nothing", stacklevel=2)
    match tenant:
        case "":
            split = urlsplit(url)
            pairs = [f"user={split.username}", f"password={split.password}"]
            return ["nobody named", *pairs, *(p for p in params if param_name(p).casefold() in secret_params)]
        case _:
            return [f"tenant:{tenant}"]


#| exercise: m01-14-ex4
def fingerprint(
    method: str,
    url: str,
    body: bytes = b"",
    *,
    headers: Mapping[str, str] | None = None,
    tenant: str = "",
    relevant_headers: Collection[str] = RELEVANT_HEADERS,
    volatile_params: Collection[str] = VOLATILE_PARAMS,
    secret_params: Collection[str] = SECRET_PARAMS,
) -> str:
    lowered: dict[str, str] = {}
    for name in headers or {}:
        lowered[name.lower()] = headers[name].strip()
    origin, path, params = canonical_url(url)
    kind, value = _canonical_body(body, lowered.get("content-type"))
    document = {
        "method": method.upper(),
        "url": [origin, path],
        "params": [
            param
            for param in params
            if not (param_name(param) in volatile_params or param_name(param).lower() in secret_params)
        ],
        "headers": [part.decode() for part in _relevant(lowered, relevant_headers)],
        "body": [kind.decode(), value.hex()],
        "who": who_asks(url, params, tenant, secret_params),
    }
    return "v1:" + hashlib.sha256(canonical_json(document)).hexdigest()
