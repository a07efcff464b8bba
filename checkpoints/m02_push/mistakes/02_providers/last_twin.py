"""Lets the last of two headers win, as dict(headers) does: your proxy may have checked the first."""
#| exercise: m02-02-ex2
#| caught by: test_ex2_twins_are_refused
def pick_headers(scheme: Scheme, headers: Headers) -> dict[str, bytes] | Refused:
    for names in scheme.headers:
        found: dict[str, bytes] = {}
        for name, value in headers:
            if (role := names.get(name)) is not None:
                found[role] = value
        if "signature" in found:
            break
    else:
        return Refused(401, "no signature header")
    for role in ("id", "type"):
        if role in found and not is_name(found[role]):
            return Refused(400, f"the {role} header is not one word")
    return found
