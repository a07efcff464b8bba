# Made from solutions/m02_push/15_delimited.ipynb: edit it there.
"""CSV as it comes: read by the names in its header, row by row or not at all, and nothing guessed."""

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile
from operator import attrgetter
from typing import Any

import msgspec

from ingestion.errors import ContractViolationError
from ingestion.files.compression import Readable
from ingestion.files.csv_text import byte_spans, decode, encode, header_line, record_pattern, stain
from ingestion.files.parsed import Mark, Parsed
from ingestion.files.schema import Schema
from ingestion.files.window import Window, bad_rows, too_long
from ingestion.record import Record

__all__ = ["Break", "Layout", "find_break", "match_header", "read_delimited", "unquoted"]


_Bad = tuple[int, int, str]
_is_record = attrgetter("lastindex")
_DELIMITERS = ",;\t|"
_MOST_BAD_ROWS = 10_000  # in a stretch: four bytes of a file can be a bad row of four hundred in memory


class Layout(msgspec.Struct, frozen=True):
    """What a file's header says: the delimiter, and for each declared column the place of its field, from 0 on."""

    delimiter: str
    order: tuple[int, ...]


def match_header(header: str, names: Sequence[str]) -> Layout:
    """Find the layout in which *header* holds each of *names* once, in any order, and nothing else.

    The delimiter is a comma, a semicolon, a tab or a bar: the one that gives the names. A name may stand in quotes.

    Raises:
        ContractViolationError: there is no such layout. It says which names are missing, which are too many and which
            stand there twice, by the delimiter that comes nearest.
    """
    problems = []
    for delimiter in _DELIMITERS:
        found = [field.removeprefix('"').removesuffix('"') for field in header.split(delimiter)]
        if sorted(found) == sorted(names):
            return Layout(delimiter, tuple(found.index(name) for name in names))
        wrong = {
            "missing": [name for name in names if name not in found],
            "not declared": sorted(set(found) - set(names)),
            "twice": sorted({name for name in found if found.count(name) > 1}),
        }
        problems.append((len(wrong["missing"]), wrong))
    _, wrong = min(problems, key=lambda problem: problem[0])
    said = "; ".join(f"{what}: {', '.join(map(repr, which[:20]))}" for what, which in wrong.items() if which)
    raise ContractViolationError(f"the header has not the declared columns. {said[:500]}")


def unquoted(field: str) -> str | None:
    """Give the value of a field as it stands in the file: nothing is null, and `""` is the empty string.

    Inside quotes two quotes are one. Nothing else is changed: no strip, no number, no `NA`.
    """
    if field.startswith('"'):
        return field[1:-1].replace('""', '"')
    return field or None


class Break(msgspec.Struct, frozen=True):
    """Where a text is no record, and what to do about it.

    Attributes:
        end: Where the next record begins.
        reason: What is wrong; empty for a blank line, which is no row at all.
        is_open: The text ends inside quotes: with more of it, this may yet be a record.
    """

    end: int
    reason: str
    is_open: bool = False


_QUOTED = re.compile(r'"[^"]*+(?:""[^"]*+)*+"')


def find_break(text: str, start: int, *, delimiter: str, newline: str, width: int) -> Break:
    r"""Say why no record of *width* fields begins at *start*, and where the next record does.

    - A line with nothing in it is blank, if *width* is more than 1: an empty reason.
    - A quote that closes where a field ends has done its job, however many lines lie between. What is wrong comes
      after it, and the next record begins after the line where it is.
    - A quote that closes anywhere else, on a later line, was never closed: what looks like its end belongs to another
      row. The next record begins after the line that *opens* it, for the lines between are not its.
    - The same goes for one that nothing in *text* closes, which `is_open`.

    *text* ends with a whole line. *newline* is `"\n"`, and a carriage return may stand before it, or `"\r"`.
    """

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
        return Break(after_line(opens), "a quote is never closed")
    return Break(end, "something follows a closing quote" if quoted else "a quote or a stray line end in a plain field")


def read_delimited(
    stream: Readable,
    schema: Schema,
    *,
    start: Mark | None = None,
    block_bytes: int = 1 << 18,
    max_record_bytes: int = 1 << 22,
) -> Iterator[Parsed]:
    """Read a CSV file in stretches of about *block_bytes*, each with its records, its bad rows and the mark after it.

    Every row comes out once, as a record that holds exactly what stands in the file, or as a bad row. A file without
    rows gives nothing. Memory is bounded by *max_record_bytes*, whatever the file holds; a longer record is bad.
    The line end of the header is the line end of the file.

    Args:
        stream: The unpacked content, in UTF-8, from its first byte.
        schema: Its columns, by name.
        start: Go on here, where an earlier reader of the same content left its mark.
        block_bytes: How much to read at a time.
        max_record_bytes: How long a record may be.

    Raises:
        ContractViolationError: the header has not the declared columns. Nothing was given out then.
    """
    window = Window(stream, block_bytes)
    body = _open(window, schema, max_record_bytes)
    if body is None:
        return
    mark = start if start and start.offset else Mark(window.offset, 0, 2)
    window.drop_to(mark.offset)
    wants_more = True
    while window.data or not window.ended:
        if wants_more or len(window.data) < block_bytes:
            window.grow()
        cut = len(window.data) if window.ended else window.data.rfind(body.newline.encode()) + 1
        wants_more = True
        if cut:
            parsed = body.parse(window.data[:cut], mark, is_last=window.ended)
            wants_more = parsed.mark == mark
            window.drop(parsed.mark.offset - mark.offset)
        elif len(window.data) > max_record_bytes:
            parsed = window.skip_line(body.newline.encode(), mark, max_record_bytes)
        else:
            continue
        mark = parsed.mark
        if parsed.records or parsed.bad:
            yield parsed


def _open(window: Window, schema: Schema, max_record_bytes: int) -> "_Body | None":
    """Use up the header; None if there is nothing."""
    line = header_line(window)
    if line is None:
        return None
    return _Body(schema, line, max_record_bytes)


class _Body:
    """What comes after the header: stretches of records."""

    def __init__(self, schema: Schema, header: str, max_record_bytes: int) -> None:
        layout = match_header(header.rstrip("\r\n"), schema.names)
        self.newline = newline = "\r" if header.endswith("\r") else "\n"
        self._schema = schema
        self._header = header.encode()
        self._order = layout.order
        self._rules: dict[str, Any] = {"delimiter": layout.delimiter, "newline": newline, "width": len(layout.order)}
        self._pattern = record_pattern(**self._rules)
        self._max_bytes = max_record_bytes

    def parse(self, content: bytes, mark: Mark, *, is_last: bool) -> Parsed:
        """Parse whole lines: all but a record at their end that may go on."""
        text, is_clean = decode(content)
        if is_last and not text.endswith(self.newline):
            text += self.newline
        found, bad, end = self._scan(text, is_last)
        if not is_clean:
            bad += [(match.start(), match.end(), why) for match in found if (why := stain(match[0]))]
            found = [match for match in found if not stain(match[0])]
        records, refused = self._convert(found)
        bad = sorted(bad + refused)
        size = len(content) if end == len(text) else len(encode(text[:end]))
        rows, lines = len(records) + len(bad), text.count(self.newline, 0, end)
        after = Mark(mark.offset + size, mark.row + rows, mark.line + lines)
        places = byte_spans(text, bad)
        set_aside = bad_rows(content, places, mark, self.newline.encode(), form="csv", context=self._header)
        return Parsed(tuple(records), tuple(set_aside), after)

    def _scan(self, text: str, is_last: bool) -> tuple[list[re.Match[str]], list[_Bad], int]:
        """Give the records, the rows that are none, and where both end. Runs in C from one bad row to the next."""
        found: list[re.Match[str]] = []
        bad: list[_Bad] = []
        at = 0
        while at < len(text) and len(bad) < _MOST_BAD_ROWS:
            more = list(takewhile(_is_record, self._pattern.finditer(text, at)))
            first_long = self._first_too_long(more) if 4 * len(text) > self._max_bytes else None
            found += more[:first_long]
            at = found[-1].end() if more[:first_long] else at
            if first_long is not None:
                bad.append((at, text.index(self.newline, at) + 1, too_long(self._max_bytes)))
                at = bad[-1][1]
            elif at < len(text):
                broken = find_break(text, at, **self._rules)
                if broken.is_open and not is_last and len(text) - at <= self._max_bytes:
                    break
                if broken.reason:
                    bad.append((at, broken.end, broken.reason))
                at = broken.end
        return found, bad, at

    def _first_too_long(self, found: Sequence[re.Match[str]]) -> int | None:
        sizes = (len(encode(match[0])) for match in found)
        return next((index for index, size in enumerate(sizes) if size > self._max_bytes), None)

    def _convert(self, found: Sequence[re.Match[str]]) -> tuple[list[Record], list[_Bad]]:
        if not found:
            return [], []
        fields = list(zip(*[match.groups() for match in found], strict=True))
        converted = self._schema.from_text([_values(fields[index]) for index in self._order])
        refused = [(found[index].start(), found[index].end(), reason) for index, reason in converted.bad.items()]
        return self._schema.records(converted.columns, converted.bad), refused


def _values(fields: Sequence[str]) -> Sequence[str | None]:
    if '"' in "".join(fields):
        return list(map(unquoted, fields))
    return [field or None for field in fields] if "" in fields else fields
