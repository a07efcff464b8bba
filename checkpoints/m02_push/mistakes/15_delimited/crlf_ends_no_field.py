"""Takes the carriage return behind a closing quote for something that has no business there: a value of two lines is torn."""
#| exercise: m02-15-ex3
#| caught by: test_ex3_the_next_record_begins_where_it_begins
def find_break(text, start, *, delimiter, newline, width):
    def line_end(at):
        return text.index(newline, at) + 1
    if width > 1 and text.startswith((newline, "\r" + newline), start):
        return Break(line_end(start), "")
    at, count = start, 0
    while True:
        count += 1
        if text.startswith('"', at):
            m = _QUOTED.match(text, at)
            if m is None:
                return Break(line_end(at), "open", True)
            if not text.startswith((delimiter, newline), m.end()):
                if newline in m[0]:
                    return Break(line_end(at), "never closed")
                return Break(line_end(m.end()), "after quote")
            at = m.end()
        else:
            while not text.startswith((delimiter, newline), at):
                if text[at] == '"':
                    return Break(line_end(at), "stray")
                at += 1
        if not text.startswith(delimiter, at):
            return Break(line_end(at), f"{count} fields")
        at += 1
