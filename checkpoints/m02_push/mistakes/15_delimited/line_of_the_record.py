"""Goes on after the record's first line and not after the line that opens the quote."""
#| exercise: m02-15-ex3
#| caught by: test_ex3_the_next_record_begins_where_it_begins
def find_break(text: str, start: int, *, delimiter: str, newline: str, width: int) -> Break:
    def after_line(position: int) -> int:
        return text.index(newline, position) + 1

    if width > 1 and not text[start : after_line(start)].strip("\r\n"):
        return Break(after_line(start), "")
    at, fields = start, 1
    while True:
        opens, quoted = at, _QUOTED.match(text, at)
        if text[at] == '"' and quoted is None:
            return Break(after_line(at), "a quote is never closed", is_open=True)
        while quoted is None and text[at] not in delimiter + '"\r\n':
            at += 1
        at = quoted.end() if quoted else at
        if text[at] != delimiter:
            break
        at, fields = at + 1, fields + 1
    end = after_line(at)
    if text[at:end] in (newline, "\r" + newline):
        return Break(end, f"{fields} fields, declared are {width}")
    if quoted and newline in quoted[0]:
        return Break(after_line(start), "a quote is never closed")
    return Break(end, "something follows a closing quote" if quoted else "a quote or a stray line end in a plain field")
