# Made from solutions/m01_rest/11_offset.ipynb: edit it there.
"""Where each row of a page stands in its text, for pages that a strict parser refuses because of one row."""

import json
import re
from collections.abc import Iterator
from typing import Any

__all__ = ["parse_leniently", "row_spans", "without_depths"]


_SPACE = frozenset(" \t\r\n")
_MOST_DIGITS = 4_300  # more of them Python does not convert


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= _MOST_DIGITS else digits


_scan = json.JSONDecoder(strict=False, parse_int=_integer).raw_decode

_DEEPEST = 100
_STRING_OR_BRACKET = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[][{}]', re.DOTALL)


def without_depths(text: str) -> str:
    """Give *text* with a `0` and spaces, as many as there were characters, for what is nested more than 100 deep."""
    pieces, kept_to, depth, hole = [], 0, 0, 0
    for found in _STRING_OR_BRACKET.finditer(text):
        if found[0] in ("[", "{"):
            depth += 1
            hole = found.start() if depth == _DEEPEST else hole
        elif found[0] in ("]", "}"):
            if depth == _DEEPEST:
                pieces += [text[kept_to:hole], "0".ljust(found.end() - hole)]
                kept_to = found.end()
            depth -= 1
    return "".join([*pieces, text[kept_to:]])


def parse_leniently(text: str) -> Any:
    """Parse *text* as JSON, letting pass what can be wrong within a row: half characters, NaN, numbers without end.

    Raises:
        ValueError: the structure itself is broken, or more follows the document.
    """
    document, end = _scan(text, _skip_space(text, 0))
    if text[end:].strip():
        raise ValueError(f"more text after the document, at character {end}")
    return document


def row_spans(text: str, rows_field: str | None) -> Iterator[tuple[Any, int, int]]:
    """Give every row of *text*, which `parse_leniently` has read, with its start and end."""
    at = _skip_space(text, 0)
    if rows_field is not None:
        at = _start_of(text, at, rows_field)
    at = _skip_space(text, at + 1)
    while text[at] != "]":
        row, end = _scan(text, at)
        yield row, at, end
        at = _skip_space(text, end)
        at = _skip_space(text, at + 1) if text[at] == "," else at


def _start_of(text: str, at: int, field: str) -> int:
    """Find where the value of *field* starts in the object at *at*: the last one, if the field stands there twice."""
    found = -1
    at = _skip_space(text, at + 1)
    while text[at] != "}":
        name, at = _scan(text, at)
        start = _skip_space(text, _skip_space(text, at) + 1)
        found = start if name == field else found
        at = _skip_space(text, _scan(text, start)[1])
        at = _skip_space(text, at + 1) if text[at] == "," else at
    return found


def _skip_space(text: str, at: int) -> int:
    while text[at : at + 1] in _SPACE:
        at += 1
    return at
