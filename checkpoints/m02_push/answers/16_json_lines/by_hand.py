"""Walks the decoded value instead of writing it out, decodes row by row, and scans for the end byte by byte."""
#| exercise: m02-16-ex1
def strict_json(text: bytes) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for name, value in pairs:
            if name in made:
                raise ValueError(f"{name!r} twice")
            made[name] = value
        return made

    def no_constant(name: str) -> Any:
        raise ValueError(f"{name} is not JSON")

    try:
        value = json.JSONDecoder(object_pairs_hook=unique, parse_constant=no_constant, parse_float=exact_number).decode(str(text, "utf-8"))
    except RecursionError:
        raise ValueError("too deep") from None
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str() as found if "\0" in found or any("\ud800" <= letter <= "\udfff" for letter in found):
                raise ValueError("a character that no text has")
            case dict() as found:
                waiting += [*found, *found.values()]
            case list() as found:
                waiting += found
    return value


#| exercise: m02-16-ex2
def decode_exact(
    texts: Sequence[bytes], decode: Callable[[bytes], Any], encode: Callable[[Any], bytes]
) -> list[Any | None]:
    def one(text: bytes) -> Any | None:
        try:
            value = decode(text)
        except (ValueError, RecursionError):
            return None
        return value if encode(value) == text else None

    return [one(text) for text in texts]


#| exercise: m02-16-ex3
def value_end(data: bytes, start: int) -> int | None:
    depth, is_in_string, at = 0, False, start
    if data[start : start + 1] in (b"", b",", b":", b"]", b"}") or data[start : start + 1].isspace():
        raise CorruptError("no value here")
    is_scalar = data[start : start + 1] not in (b"{", b"[", b'"')
    while at < len(data):
        sign = data[at : at + 1]
        if is_in_string:
            if sign == b"\\":
                at += 1
            elif sign == b'"':
                is_in_string = False
                if depth == 0:
                    return at + 1
        elif is_scalar:
            if sign in (b",", b":", b"]", b"}", b"[", b"{", b'"') or sign.isspace():
                return at
        elif sign == b'"':
            is_in_string = True
        elif sign in (b"{", b"["):
            depth += 1
        elif sign in (b"}", b"]"):
            depth -= 1
            if depth == 0:
                return at + 1
        at += 1
    return None
