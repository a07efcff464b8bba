"""Answers 400 to a request without a signature: it is not misspelled, it is unsigned."""
#| exercise: m02-02-ex2
#| caught by: test_ex2_no_signature_is_401
def pick_headers(scheme: Scheme, headers: Headers) -> dict[str, bytes] | Refused:
    for names in scheme.headers:
        found: dict[str, bytes] = {}
        for name, value in headers:
            if (role := names.get(name)) is not None:
                if role in found:
                    return Refused(400, f"two {role} headers")
                found[role] = value
        if "signature" in found:
            for role in ("id", "type"):
                if role in found and not is_name(found[role]):
                    return Refused(400, f"the {role} header is not one word")
            return found
    return Refused(400, "bad request")
