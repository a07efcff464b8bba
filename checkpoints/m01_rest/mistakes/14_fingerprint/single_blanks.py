"""Makes one blank of several inside a value."""
#| exercise: m01-14-ex4
#| caught by: test_ex4_header_values_count_to_the_letter
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
    origin, path, params = canonical_url(url)
    lowered = {name.lower(): " ".join(value.split()) for name, value in (headers or {}).items()}
    asked = [p for p in params if param_name(p) not in volatile_params and param_name(p).lower() not in secret_params]
    what = pack(
        [
            method.upper().encode(),
            origin.encode(),
            path.encode(),
            pack(param.encode() for param in asked),
            pack(_relevant(lowered, relevant_headers)),
            *_canonical_body(body, lowered.get("content-type")),
            pack(part.encode() for part in who_asks(url, params, tenant, secret_params)),
        ]
    )
    return f"v1:{hashlib.sha256(what).hexdigest()}"
