"""Checks the id and forgets the type, which stands in the key as well."""
#| exercise: m02-02-ex2
#| caught by: test_ex2_ids_and_types_are_one_word
def pick_headers(scheme: Scheme, headers: Headers) -> dict[str, bytes] | Refused:
    for names in scheme.headers:
        found: dict[str, bytes] = {}
        for name, value in headers:
            if (role := names.get(name)) is not None:
                if role in found:
                    return Refused(400, f"two {role} headers")
                found[role] = value
        if "signature" in found:
            break
    else:
        return Refused(401, "no signature header")
    for role in ("id",):
        if role in found and not is_name(found[role]):
            return Refused(400, f"the {role} header is not one word")
    return found
