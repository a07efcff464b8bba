"""Fifty CSV files that break parsers, each with what has to come of it. Made from a seed."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

COLUMNS = ("id", "note", "pieces", "price", "at")
"""Text (the key), text or null, int64 or null, decimal(10,2) or null, timestamp."""

_AT = "2026-03-01T09:00:00.000000Z"
_NOTES = [
    None,
    "",
    "plain",
    "NA",
    "null",
    "00123",
    "1E5",
    " spaces ",
    'a "quote"',
    "two\nlines",
    "a,b;c\td|e",
    "=SUM(A1)",
    "naïve 東京 😀",
]

Row = dict[str, str | int | None]


@dataclass
class HostileFile:
    """One file.

    Attributes:
        good: The rows that must come out, value by value, in order.
        bad_lines: The lines where a row begins that must be set aside, and no other may be.
        fails: Whether the file as a whole must be refused before its first row.
    """

    name: str
    content: bytes
    good: list[Row] = field(default_factory=list)
    bad_lines: list[int] = field(default_factory=list)
    fails: bool = False


def hostile_files(rng: random.Random) -> list[HostileFile]:
    """Make two files of each kind, which differ in their rows and in where the trouble is."""
    made = []
    for _ in range(2):
        made += [_with_a_bad_row(rng, name, spoil) for name, spoil in _BAD_ROWS.items()]
        made += [_odd_but_good(rng, name) for name in _ODD]
        made += [_with_a_bad_header(rng, name, header) for name, header in _BAD_HEADERS.items()]
    return made


_BAD_ROWS: dict[str, Callable[[str], str]] = {
    "too few fields": lambda key: f"{key},a,1",
    "too many fields": lambda key: f"{key},a,1,0.10,{_AT},more",
    "a quote never closed": lambda key: f'{key},"open,1,0.10,{_AT}',
    "something after a quote": lambda key: f'{key},"p"q,1,0.10,{_AT}',
    "a quote in a plain field": lambda key: f'{key},5" pipe,1,0.10,{_AT}',
    "two lines and then too many fields": lambda key: f'{key},"one\n{key}x,inner,1,0.10,{_AT}\nend",1,0.10,{_AT},more',
    "a NUL character": lambda key: f"{key},a\0b,1,0.10,{_AT}",
    "bytes that are no UTF-8": lambda key: f"{key},\udcff\udcfe,1,0.10,{_AT}",
    "half a surrogate pair": lambda key: f"{key},\udced\udca0\udcbd,1,0.10,{_AT}",
    "2**63": lambda key: f"{key},a,9223372036854775808,0.10,{_AT}",
    "a float for an integer": lambda key: f"{key},a,1.0,0.10,{_AT}",
    "a fraction that is too fine": lambda key: f"{key},a,1,0.105,{_AT}",
    "a decimal comma": lambda key: f'{key},a,1,"0,10",{_AT}',
    "a time without a zone": lambda key: f"{key},a,1,0.10,2026-03-01T09:00:00",
    "a key that is null": lambda _: f",a,1,0.10,{_AT}",
}
_ODD = [
    "byte order mark",
    "CRLF",
    "lone CR",
    "no last line end",
    "blank lines",
    "columns in another order",
    "semicolons",
    "all in quotes",
]
_BAD_HEADERS = {
    "a column twice": "id,note,note,price,at",
    "a column too many": "id,note,pieces,price,at,more",
}


def _rows(rng: random.Random) -> list[Row]:
    def row(number: int) -> Row:
        return {
            "id": f"{number:05}",
            "note": rng.choice(_NOTES),
            "pieces": rng.choice([None, 0, -7, 2**63 - 1, -(2**63), 9007199254740993]),
            "price": rng.choice([None, "0.10", "-0.05", str(Decimal(rng.randrange(10**10)) / 100 + Decimal("0.00"))]),
            "at": _AT,
        }

    return [row(number) for number in range(1, rng.randrange(8, 25))]


def _text(row: Row, columns: tuple[str, ...] = COLUMNS, delimiter: str = ",", always: bool = False) -> str:
    def cell(value: str | int | None) -> str:
        text = "" if value is None else str(value)
        needs = value == "" or (value is not None and (always or any(mark in text for mark in f'"\r\n{delimiter}')))
        return '"' + text.replace('"', '""') + '"' if needs else text

    return delimiter.join(cell(row[column]) for column in columns)


def _with_a_bad_row(rng: random.Random, name: str, spoil: Callable[[str], str]) -> HostileFile:
    rows = _rows(rng)
    lines = [",".join(COLUMNS), *map(_text, rows)]
    place = rng.randrange(1, len(lines) + 1)
    lines.insert(place, spoil("99999"))
    line = 1 + sum(text.count("\n") + 1 for text in lines[:place])
    content = "\n".join([*lines, ""]).encode(errors="surrogateescape")
    return HostileFile(name, content, rows, [line])


def _odd_but_good(rng: random.Random, name: str) -> HostileFile:
    rows = _rows(rng)
    columns = tuple(rng.sample(COLUMNS, len(COLUMNS))) if name == "columns in another order" else COLUMNS
    delimiter = ";" if name == "semicolons" else ","
    newline = {"CRLF": "\r\n", "lone CR": "\r"}.get(name, "\n")
    lines = [delimiter.join(columns), *(_text(row, columns, delimiter, name == "all in quotes") for row in rows)]
    if name == "blank lines":
        lines.insert(rng.randrange(1, len(lines)), newline * rng.randrange(1, 4))
    text = newline.join(lines) + ("" if name == "no last line end" else newline)
    return HostileFile(name, (("\ufeff" if name == "byte order mark" else "") + text).encode(), rows)


def _with_a_bad_header(rng: random.Random, name: str, header: str) -> HostileFile:
    return HostileFile(name, "\n".join([header, *map(_text, _rows(rng)), ""]).encode(), fails=True)
