# Made from solutions/m02_push/16_json_lines.ipynb: edit it there.
"""The text of JSON without its meaning: where a line, a string, a flat object ends, and what no exact reader takes."""

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile
from operator import attrgetter
from typing import Any, NoReturn

import msgspec

__all__ = [
    "BLANK",
    "SCALAR",
    "TOKEN",
    "Span",
    "after_white",
    "flat_spans",
    "in_pieces",
    "line_spans",
    "names_of",
    "once_each",
    "refuse_constant",
    "refuse_unstorable",
]


Span = tuple[int, int]
BLANK = b" \t\r\n"


def once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of names and values, unless a name comes twice: parsers differ in which of the two they keep."""
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the name {next(name for name in names if names.count(name) > 1)[:80]!r} stands there twice")
    return made


def refuse_constant(name: str) -> NoReturn:
    """Refuse what Python takes for a number and JSON does not know."""
    raise ValueError(f"{name} is no JSON")


def refuse_unstorable(value: Any) -> None:
    """Refuse text that Postgres cannot store, wherever it stands in *value*: NUL, or half a surrogate pair."""
    match value:
        case str():
            if "\0" in value:
                raise ValueError("a NUL character, which Postgres cannot store")
            value.encode()
        case dict():
            for name, inner in value.items():
                refuse_unstorable(name)
                refuse_unstorable(inner)
        case list():
            for inner in value:
                refuse_unstorable(inner)


def names_of(text: bytes) -> tuple[str, ...]:
    """Give the names of an object in its own order; none if it is no object."""
    try:
        return tuple(msgspec.json.decode(text, type=dict[str, Any]))
    except (ValueError, RecursionError):
        return ()


TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|["{}\[\]]', re.DOTALL)
SCALAR = re.compile(rb"[^\s,:\[\]{}\"]+")


# An object without another one in it, after its comma; or else one character, where the quick way ends.
_FLAT = rb'[ \t\r\n]*+,[ \t\r\n]*+(\{[^"{}\[\]]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"{}\[\]]*+)*+\})|.'
_next_flat = re.compile(_FLAT, re.DOTALL).finditer
_is_flat = attrgetter("lastindex")
_white_end = re.compile(rb"[ \t\r\n]*+").match


def flat_spans(data: bytes, at: int) -> list[Span]:
    """Give where the flat objects stand that come one after the other, each behind a comma."""
    return [found.span(1) for found in takewhile(_is_flat, _next_flat(data, at))]


def after_white(data: bytes, at: int) -> int:
    """Give the place behind the white space at *at*."""
    found = _white_end(data, at)
    return found.end() if found else at


_MOST_ROWS = 10_000  # in a stretch: two bytes of a file can be a bad row of five hundred in memory


def in_pieces(spans: Sequence[Span], end: int) -> Iterator[tuple[Sequence[Span], int]]:
    """Cut what stands before *end* into pieces of 10,000 rows at most, each as it stands when the last is dropped."""
    at = 0
    for first in range(0, len(spans) or 1, _MOST_ROWS):
        piece, is_last = spans[first : first + _MOST_ROWS], first + _MOST_ROWS >= len(spans)
        size = (end if is_last else piece[-1][1]) - at
        yield [(start - at, to - at) for start, to in piece] if at else piece, size
        at += size


_next_line = re.compile(rb"[^\n]++").finditer


def line_spans(data: bytes, cut: int) -> list[Span]:
    """Give where the lines before *cut* stand, without their line ends and without the empty ones."""
    spans = [found.span() for found in _next_line(data, 0, cut)]
    if b"\r" in data:
        return [(start, end - data.endswith(b"\r", start, end)) for start, end in spans]
    return spans
