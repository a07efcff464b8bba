"""A match statement for tokens, a scanner that walks the header character by character, and BLAKE2 for steps."""
#| exercise: m01-12-ex1
def token_in(
    envelope: Mapping[str, Any],
    field: str,
    has_more_field: str,
    *,
    empty_is_end: bool = True,
    absent_is_end: bool = False,
) -> str | None:
    nothing = object()
    token: Any = envelope.get(field, nothing)
    more = envelope.get(has_more_field)
    match token:
        case bool() | float() | list() | dict():
            raise CorruptError("no token looks like that")
        case "" if empty_is_end:
            token = None
    if more is False:
        return None
    if token is nothing or token is None:
        if more is True:
            raise CorruptError("another page is promised, and not named")
        if token is nothing and not absent_is_end:
            raise CorruptError("nothing says whether this is the last page")
        return None
    return f"{token}"


#| exercise: m01-12-ex2
def next_link(header: str) -> str | None:
    pieces: list[list[str]] = [[""]]
    inside = ""
    escaped = False
    for character in header:
        if inside:
            pieces[-1][-1] += character
            if escaped:
                escaped = False
            elif inside == chr(34) and character == chr(92):
                escaped = True
            elif character == inside:
                inside = ""
        elif character in "<" + chr(34):
            inside = ">" if character == "<" else character
            pieces[-1][-1] += character
        elif character == ",":
            pieces.append([""])
        elif character == ";":
            pieces[-1].append("")
        else:
            pieces[-1][-1] += character
    for target, *parameters in pieces:
        names = [parameter.partition("=") for parameter in parameters]
        rel = next((value for name, _, value in names if name.strip().lower() == "rel"), "")
        if any(name.strip().lower() == "anchor" for name, _, _ in names):
            continue
        if "next" in rel.strip().strip(chr(34)).lower().split():
            return target.strip()[1:-1]
    return None


#| exercise: m01-12-ex3
def take_step(steps: set[bytes], token: str, body: bytes, *, constant_token: bool = False) -> None:
    parts = (token.encode(), body) if constant_token else (token.encode(),)
    step = hashlib.blake2b(b"".join(len(part).to_bytes(8, "big") + part for part in parts), digest_size=16).digest()
    size = len(steps)
    steps.add(step)
    if len(steps) == size:
        raise CorruptError("this listing is going round and round")
