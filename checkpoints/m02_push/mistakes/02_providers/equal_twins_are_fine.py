"""Lets equal twins pass: harmless today, and one more way for two readers to differ tomorrow."""
#| exercise: m02-02-ex2
#| caught by: test_ex2_twins_are_refused
def pick_headers(scheme: Scheme, headers: Headers) -> dict[str, bytes] | Refused:
    for names in scheme.headers:
        found: dict[str, bytes] = {}
        for name, value in headers:
            if (role := names.get(name)) is not None:
                if found.get(role, value) != value:
                    return Refused(400, f"two {role} headers")
                found[role] = value
        if "signature" in found:
            break
    else:
        return Refused(401, "no signature header")
    for role in ("id", "type"):
        if role in found and not is_name(found[role]):
            return Refused(400, f"the {role} header is not one word")
    return found
