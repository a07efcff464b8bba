"""Lesson m02.15: by name, exactly, and only the broken row set aside."""

import io
import random
from typing import Any

import pytest

from ingestion.errors import ContractViolationError
from ingestion.files.columns import Column
from ingestion.files.delimited import Break, find_break, match_header, read_delimited, unquoted
from ingestion.files.schema import Schema
from workbook.grading import expect
from workbook.hostile_csv import HostileFile, hostile_files

NAMES = ["id", "note", "pieces", "price", "at"]
PARCELS = Schema(
    "drops",
    "parcels",
    (
        Column("id", "text"),
        Column("note", "text", nullable=True),
        Column("pieces", "int64", nullable=True),
        Column("price", "decimal", nullable=True, precision=10, scale=2),
        Column("at", "timestamp"),
    ),
    "id",
    "at",
)


def refusal(header: str, names: list[str]) -> str:
    """What the refusal of a header says, or what came instead."""
    try:
        return f"no refusal, but {match_header(header, names)}"
    except ContractViolationError as error:
        return f"refused: {error}"


def test_ex1_any_order_any_delimiter(rng: random.Random) -> None:
    """The names may come in any order, with any of the four delimiters, in quotes or not."""
    for delimiter in ",;\t|":
        names = rng.sample(NAMES, len(NAMES))
        header = delimiter.join(f'"{name}"' if rng.random() < 0.5 else name for name in names)
        layout = match_header(header, NAMES)
        came = [names[place] for place in layout.order]
        expect(
            (layout.delimiter, came) == (delimiter, NAMES),
            expected=f"delimiter {delimiter!r}, and for each declared column its place in {header!r}",
            came=f"delimiter {layout.delimiter!r}, order {layout.order}",
            look_at="for each declared name its place in the file, or the other way round",
            hint=2,
        )


def test_ex1_the_names_prove_the_delimiter() -> None:
    """A delimiter inside a declared name does not lead astray: the names decide, not the count."""
    names = ["a,b,c", "d,e", "f"]
    layout = match_header("f;a,b,c;d,e", names)
    expect(
        (layout.delimiter, layout.order) == (";", (1, 2, 0)),
        expected="the semicolon: with it the names come out",
        came=layout,
        look_at="what makes a delimiter right",
        hint=1,
    )


@pytest.mark.parametrize(
    ("header", "named", "what"),
    [
        ("id,pieces,price,at", ["note"], "a missing column"),
        ("id,note,pieces,price,at,colour", ["colour"], "a column that is not declared"),
        ("id,note,note,pieces,price,at", ["note"], "a column that is there twice"),
        ("id,note,note,price,at", ["note", "pieces"], "a column twice in the place of another"),
        ("id,Note,pieces,price,at", ["note", "Note"], "another case"),
        ("id, note,pieces,price,at", [" note"], "a space in a name"),
        ("id;notes;pieces;price;at", ["note", "notes"], "a renamed column between semicolons"),
        ("00001,plain,1,0.10,2026-03-01", ["id"], "data where the header should be"),
    ],
)
def test_ex1_another_layout_is_refused_by_name(header: str, named: list[str], what: str) -> None:
    """What is missing, unknown or there twice fails the file, and the message names it."""
    came = refusal(header, NAMES)
    expect(
        came.startswith("refused"),
        expected=f"a ContractViolationError for {what}",
        came=came,
        look_at="names as a set, and names as a list",
        hint=2,
    )
    expect(
        all(repr(name) in came or f'"{name}"' in came or f" {name}" in came for name in named),
        expected=f"a message that names {', '.join(map(repr, named))}",
        came=came,
        look_at="what the operator has to know",
        hint=2,
    )


def test_ex2_nothing_is_null_and_quotes_around_nothing_are_a_text() -> None:
    """An empty field is None; two quotes are the empty string."""
    came = unquoted(""), unquoted('""')
    expect(came == (None, ""), expected="None for nothing, '' for two quotes", came=came, hint=1)


def test_ex2_two_quotes_are_one(rng: random.Random) -> None:
    """Whatever a strict writer puts in quotes comes out as it was."""
    values = ['"', '""', 'say "hi"', '"a', 'a"', "a,b", "two\nlines", "cr\r\nlf", '"""', "naïve 東京 😀"]
    values += ["".join(rng.choices('a",\n', k=12)) for _ in range(50)]
    for value in values:
        field = '"' + value.replace('"', '""') + '"'
        came = unquoted(field)
        expect(
            came == value,
            expected=f"{value!r} from {field!r}",
            came=repr(came),
            look_at="which quotes are the field's own",
            hint=2,
        )


def test_ex2_nothing_else_is_changed() -> None:
    """No strip, no guess: what stands there comes out."""
    for field in ["NA", "null", "NULL", "\\N", "00123", "1E5", " a ", "\t", " ", "None", "=SUM(A1)", "'", "\ufeff"]:
        came = unquoted(field)
        expect(came == field, expected=repr(field), came=repr(came), look_at="who decides what NA means", hint=1)
    for field in ["1,50", "a;b|c\td"]:
        came = unquoted(field)
        expect(came == field, expected=repr(field), came=repr(came), look_at="whose delimiter that is", hint=1)
    came = unquoted('" NA "')
    expect(came == " NA ", expected="' NA ' from quotes with spaces inside", came=repr(came), hint=1)


def at(text: str, newline: str = "\n", width: int = 2, delimiter: str = ",", start: int = 0) -> Break:
    return find_break(text, start, delimiter=delimiter, newline=newline, width=width)


CASES = [
    ("a\nb,c\n", 2, "a row that is too short"),
    ("a,b,c\nb,c\n", 6, "a row that is too long"),
    ("a,b,c\r\nb,c\r\n", 7, "a row that is too long, with CRLF"),
    ('a,"p"q\nb,c\n', 7, "something after a closing quote"),
    ('a,p"q\nb,"c"\n', 6, "a quote in a plain field"),
    ('a,"b\nc",d\ne,f\n', 10, "too many fields after a value of two lines"),
    ('a,"b\nx,y\nc",d\ne,f\n', 14, "too many fields after a value of three lines, one of which looks like a record"),
    ('a,"b\nc,"d"\ne,f\n', 5, "a quote that is never closed, with a quoted field in the next row"),
    ('a,"b\nx,y\nx,z\nc,"d"\ne,f\n', 5, "a quote that is never closed, with a quoted field three rows on"),
    ('"a\nb","c\nd,"e"\n', 9, "a value of two lines, and then a quote that is never closed"),
    ('a,b,"x\ny"\nc,d\n', 10, "too many fields, the last a value of two lines"),
    ('"a\r\nb"\r\nc,d\r\n', 8, "too few fields, the last a value of two lines, with CRLF"),
    ("a,b\rc\nd,e\n", 6, "a carriage return inside a plain field"),
    ('a,"b"\rc\nd,e\n', 8, "a carriage return after a quote"),
]


@pytest.mark.parametrize(("text", "end", "what"), CASES, ids=[what for _, _, what in CASES])
def test_ex3_the_next_record_begins_where_it_begins(text: str, end: int, what: str) -> None:
    """Neither a good row is lost nor a piece of a text taken for one."""
    for before in ("", "1,2\n"):
        came = at(before + text, start=len(before))
        expect(
            came.end == end + len(before),
            expected=f"{what}: go on at {(text[end:])!r}",
            came=f"go on at {(before + text)[came.end :]!r}",
            look_at="what stands behind the closing quote, and how many lines it is away",
            hint=3,
        )
        expect(
            bool(came.reason) and not came.is_open,
            expected=f"a reason for {what}, and not is_open: more text would not mend it",
            came=came,
            hint=1,
        )


def test_ex3_an_open_quote_may_yet_be_closed() -> None:
    """A quote that nothing in the text closes is open, and where to go on without it is the next line."""
    for text in ('a,"b\n', 'a,"b\nc,d\n', 'a,"b ""\nc,d\n'):
        came = at(text)
        expect(
            (came.is_open, came.end) == (True, text.index("\n") + 1),
            expected=f"is_open, and {text.index(chr(10)) + 1} to go on at if it is never closed, in {text!r}",
            came=came,
            look_at="two quotes inside quotes, and text that has not been read yet",
            hint=2,
        )


def test_ex3_blank_lines_are_no_rows() -> None:
    """A line with nothing in it has no reason; in a file of one column it would be a value."""
    for text, newline in (("\na,b\n", "\n"), ("\r\na,b\r\n", "\n"), ("\ra,b\r", "\r")):
        came = at(text, newline)
        expect(
            (came.reason, came.end) == ("", text.index("a")),
            expected=f"an empty reason, and to go on at 'a,b', in {text!r}",
            came=came,
            hint=1,
        )
    came = at("  \na,b\n")
    expect(bool(came.reason), expected="a reason for a line of two spaces: it is one field", came=came)


def test_ex3_other_delimiters_and_line_ends() -> None:
    """Only the file's own delimiter and line end count."""
    for text, options, end in (
        ("a;b,c;d\nx;y\n", {"delimiter": ";"}, 8),
        ("a,b,c\rd,e\r", {"newline": "\r"}, 6),
        ("a,b\nc\rd,e\r", {"newline": "\r"}, 6),
        ('a,"b\rc,"d"\re,f\r', {"newline": "\r"}, 5),
        ('a|"b|c"|d\nx|y\n', {"delimiter": "|"}, 10),
    ):
        came = at(text, **options)
        expect(came.end == end and bool(came.reason), expected=f"to go on at {text[end:]!r}", came=came, hint=3)


def verdict(file: HostileFile) -> Any:
    try:
        parsed = list(read_delimited(io.BytesIO(file.content), PARCELS))
    except ContractViolationError:
        return "refused whole"
    if [record.data() for each in parsed for record in each.records] != file.good:
        return "other rows than those that are good"
    return [row.line for each in parsed for row in each.bad]


def test_ex3_fifty_hostile_files(rng: random.Random) -> None:
    """Fifty hostile files: none crashes, none is read wrong, only the broken row is set aside."""
    for file in hostile_files(rng):
        wanted: object = "refused whole" if file.fails else file.bad_lines
        came = verdict(file)
        expect(
            came == wanted,
            expected=f"{file.name}: {wanted if file.fails else f'all good rows, and lines {wanted} set aside'}",
            came=came,
            look_at="what find_break says about that row",
            hint=3,
        )
