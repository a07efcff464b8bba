"""Gives up at the first field too many: if that spans lines, a piece of it is taken for the next record."""
#| exercise: m02-15-ex3
#| caught by: test_ex3_the_next_record_begins_where_it_begins
def find_break(text, start, *, delimiter, newline, width):
    def line_end(at):
        return text.index(newline, at) + 1
    ends = (newline, "\r\n") if newline == "\n" else (newline,)
    if width > 1 and text.startswith(ends, start):
        return Break(line_end(start), "")
    at, count = start, 0
    while True:
        count += 1
        if count > width:
            return Break(line_end(at), "too many fields")
        if text.startswith('"', at):
            m = _QUOTED.match(text, at)
            if m is None:
                return Break(line_end(at), "open", True)
            if not text.startswith((delimiter, *ends), m.end()):
                if newline in m[0]:
                    return Break(line_end(at), "never closed")
                return Break(line_end(m.end()), "after quote")
            at = m.end()
        else:
            while not text.startswith((delimiter, *ends), at):
                if text[at] == '"':
                    return Break(line_end(at), "stray")
                at += 1
        if not text.startswith(delimiter, at):
            return Break(line_end(at), f"{count} fields")
        at += 1
