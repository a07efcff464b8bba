"""Counts names, matches a field with one expression at a time, and decides at the end what to go on after."""
#| exercise: m02-15-ex1
def match_header(header: str, names: Sequence[str]) -> Layout:
    from collections import Counter

    declared, differences = Counter(names), []
    for delimiter in ",;\t|":
        found = [field[1:-1] if field[:1] == '"' == field[-1:] and len(field) > 1 else field for field in header.split(delimiter)]
        count = Counter(found)
        if count == declared:
            places = {name: place for place, name in enumerate(found)}
            return Layout(delimiter=delimiter, order=tuple(places[name] for name in names))
        missing, more = declared - count, count - declared
        differences.append((missing.total(), missing, more))
    _, missing, more = sorted(differences, key=lambda difference: difference[0])[0]
    raise ContractViolationError(f"wrong columns: missing {sorted(missing)}, too many {sorted(more)}")


#| exercise: m02-15-ex2
def unquoted(field: str) -> str | None:
    match field[:1]:
        case "":
            return None
        case '"':
            return '"'.join(field[1:-1].split('""'))
    return field


#| exercise: m02-15-ex3
def find_break(text: str, start: int, *, delimiter: str, newline: str, width: int) -> Break:
    first, _, _ = text[start:].partition(newline)
    if width > 1 and first.strip("\r") == "":
        return Break(start + len(first) + 1, "")
    plain = re.compile(rf'[^"\r\n{re.escape(delimiter)}]*')
    at, count = start, 0
    while True:
        count += 1
        opens, is_quoted = at, text[at] == '"'
        field = (_QUOTED if is_quoted else plain).match(text, at)
        if field is None:
            return Break(text.find(newline, opens) + 1, "no end of a quote", True)
        at = field.end()
        if text[at] == delimiter:
            at += 1
            continue
        here = text.find(newline, at) + 1
        clean = text[at:here] == newline or (newline == "\n" and text[at:here] == "\r\n")
        if clean:
            return Break(here, f"wrong number of fields: {count}")
        if is_quoted and newline in text[opens:at]:
            return Break(text.find(newline, opens) + 1, "no end of a quote")
        return Break(here, "something in a field that does not belong there")
