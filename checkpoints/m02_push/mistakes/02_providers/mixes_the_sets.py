"""Puts all sets of names into one dict: a sender that changes over, and sends both, is refused for its twins."""
#| exercise: m02-02-ex2
#| caught by: test_ex2_the_first_set_that_has_a_signature
def pick_headers(scheme: Scheme, headers: Headers) -> dict[str, bytes] | Refused:
    names = {name: role for each in scheme.headers for name, role in each.items()}
    found: dict[str, bytes] = {}
    for name, value in headers:
        if (role := names.get(name)) is not None:
            if role in found:
                return Refused(400, f"two {role} headers")
            found[role] = value
    if "signature" not in found:
        return Refused(401, "no signature header")
    for role in ("id", "type"):
        if role in found and not is_name(found[role]):
            return Refused(400, f"the {role} header is not one word")
    return found
