"""Lesson m02.16: exact or set aside, fast where it is proven, and the end of a value found without parsing it."""

import json
import random
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from ingestion.errors import CorruptError
from ingestion.files.json_lines import decode_exact, strict_json, value_end
from workbook.grading import expect


def came_of(text: bytes) -> str:
    """The value, or how it was refused."""
    try:
        return repr(strict_json(text))
    except ValueError as error:
        return f"refused: {error}"
    except (RecursionError, ArithmeticError) as error:
        return f"a {type(error).__name__}"


def test_ex1_every_digit_is_kept(rng: random.Random) -> None:
    """Integers of any size are exact, and fractions come as `Decimal` with the digits that stood there."""
    for text in ["9007199254740993", "-18446744073709551617", str(rng.getrandbits(300)), "0", "-5"]:
        came = strict_json(text.encode())
        expect(came == int(text) and type(came) is int, expected=f"the integer {text}", came=repr(came), hint=1)
    for text in ["0.10", "-0.05", "1.0", "1e400", "12345678901234567890.123456789", "1E-7"]:
        came = strict_json(text.encode())
        expect(
            isinstance(came, Decimal) and str(came) == str(Decimal(text)),
            expected=f"Decimal({text!r})",
            came=repr(came),
            look_at="the hook that gets the digits before they are a float",
            hint=3,
        )


def test_ex1_what_is_good_json_comes_through(rng: random.Random) -> None:
    """Objects in objects, every character, spaces, and the same name in two objects."""
    values: list[Any] = [
        {"a": {"a": {"a": [1, None, True, "x"]}}, "b": [{"a": 1}, {"a": 2}]},
        {"": 0, "naïve 東京": "😀\u2028\x7f", "quote": '"\\/\b\f\n\r\t'},
        [],
        {},
        "text",
        None,
        {f"name {number}": rng.random() < 0.5 for number in range(20)},
    ]
    for value in values:
        for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=1), f" {json.dumps(value)}\r\n"):
            came = came_of(text.encode())
            expect(came == repr(value), expected=repr(value), came=came, look_at="what is refused too eagerly", hint=2)
    came = came_of(b'"\\ud83d\\ude00 \\\\u0000 \\\\ud800"')
    expect(
        came == repr("😀 \\u0000 \\ud800"),
        expected="a pair of halves, and two backslashes before a u, let through",
        came=came,
        look_at="whether you look at the escape or at what it makes",
        hint=2,
    )


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (b'{"amount": 10, "amount": 1000}', "a name that stands there twice"),
        (b'{"amount": 10, "amount": 10}', "a name that stands there twice, with one value"),
        (b'[{"x": {"a": 1, "b": [], "a": 2}}]', "a name twice, deep inside"),
        (b'{"a": 1, "\\u0061": 2}', "a name twice, spelled in two ways"),
        (b'{"a": NaN}', "NaN"),
        (b"[Infinity]", "Infinity"),
        (b"-Infinity", "-Infinity"),
        (b'{"note": "\\ud83d"}', "half a surrogate pair"),
        (b'["x\\udc00y"]', "the other half"),
        (b'{"\\ud83d": 1}', "half a surrogate pair in a name"),
        (b'{"note": "a\\u0000b"}', "a NUL character"),
        (b'{"a\\u0000": [1]}', "a NUL character in a name"),
        (b'{"note": "\xff"}', "bytes that are no UTF-8"),
        (b'"\xed\xa0\xbd"', "half a surrogate pair in UTF-8"),
        (b"[" * 100_000 + b"]" * 100_000, "100,000 brackets"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "100,000 objects in one another"),
        (b'["x\\uDC00y"]', "the other half, its escape in capitals"),
        ('{"a": 1}'.encode("utf-16"), "UTF-16"),
        ('{"a": 1}'.encode("utf-32-le"), "UTF-32"),
        (b'{"a": 1,}', "a comma too many"),
        (b'{"a": 01}', "a zero in front"),
        (b'{"a": 1e999999999}', "a number that takes a gigabyte to write out"),
        (b"[0e-999999999]", "a zero that takes a gigabyte to write out"),
        (b"[1e99999999999999999999]", "an exponent that no Decimal has"),
        (b'{"a": 1} {"b": 2}', "two values"),
        (b"", "nothing"),
    ],
)
def test_ex1_what_is_no_exact_json_is_refused(text: bytes, what: str) -> None:
    """Whatever a lenient parser takes, or chokes on, leaves as a ValueError."""
    came = came_of(text)
    expect(
        came.startswith("refused"),
        expected=f"a ValueError for {what}",
        came=came,
        look_at="at which moment the standard library still knows it",
        hint=3,
    )


class Row(msgspec.Struct, forbid_unknown_fields=True):
    a: int
    b: str | None = None


decode, encode = msgspec.json.Decoder(Row).decode, msgspec.json.Encoder().encode


def test_ex2_exact_rows_come_out_in_their_places(rng: random.Random) -> None:
    """A row that is spelled as the encoder spells it comes out; any other is None, in its place."""
    others = [
        b'{"a":1,"a":2,"b":null}',
        b'{"a": 1,"b":null}',
        b'{"b":null,"a":1}',
        b'{"a":1}',
        b'{"a":1,"b":"\\u00e9"}',
        b'{"a":1,"b":null,"c":0}',
        b'{"a":"1","b":null}',
        b"{",
        b"",
        b'{"a":1,"b":"\xff"}',
        b'{"a":1,"b":"\\ud800"}',
    ]
    wanted: list[Row | None] = [Row(number, rng.choice([None, "x", 'é"\n'])) for number in range(200)]
    texts = [encode(row) for row in wanted]
    for _ in range(60):
        place = rng.randrange(len(wanted) + 1)
        wanted.insert(place, None)
        texts.insert(place, rng.choice(others))
    came = decode_exact(texts, decode, encode)
    expect(
        len(came) == len(texts),
        expected=f"{len(texts)} answers for {len(texts)} rows",
        came=f"{len(came)} answers",
        look_at="what is left of an iterator after an exception",
        hint=2,
    )
    wrong = next((index for index, value in enumerate(came) if value != wanted[index]), None)
    expect(
        wrong is None,
        expected="" if wrong is None else f"{wanted[wrong]} for {texts[wrong]!r}",
        came="" if wrong is None else repr(came[wrong]),
        look_at="what is compared with what",
        hint=1,
    )


def test_ex2_all_bad_all_good_and_none(rng: random.Random) -> None:
    """It works where every row is bad, where the first or last is, and for no rows at all."""
    good, bad = b'{"a":1,"b":null}', b"{"
    for texts in ([], [bad], [bad] * 50, [bad, good], [good, bad], [good] * 3, [bad, bad, good, bad, bad]):
        came = decode_exact(texts, decode, encode)
        wanted = [Row(1) if text == good else None for text in texts]
        expect(came == wanted, expected=f"{wanted} for {texts}", came=repr(came), hint=2)


def test_ex2_any_way_to_refuse() -> None:
    """A decoder may refuse with any ValueError or with a RecursionError; a bug of another kind is not hidden."""

    def picky(text: bytes) -> Any:
        if text == b"deep":
            raise RecursionError
        if text == b"bug":
            raise AttributeError("a bug")
        return int(text)

    came = decode_exact([b"1", b"deep", b"x", b"\xff", b"2", b" 3", b"04"], picky, lambda value: str(value).encode())
    expect(
        came == [1, None, None, None, 2, None, None],
        expected="[1, None, None, None, 2, None, None] of 1, too deep, x, no UTF-8, 2, ' 3' and 04",
        came=repr(came),
        hint=2,
    )
    try:
        came = decode_exact([b"1", b"bug"], picky, lambda value: str(value).encode())
    except AttributeError:
        return
    expect(
        False,
        expected="the decoder's AttributeError to come through",
        came=repr(came),
        look_at="which exceptions are caught",
    )


def test_ex2_a_value_that_is_nothing_is_a_value() -> None:
    """An empty object, a zero, an empty text and `false` are exact: only None says that something may be lost."""
    texts = [b"{}", b"0", b'""', b"[]", b"false", b"{ }"]
    came = decode_exact(texts, msgspec.json.decode, encode)
    expect(
        came == [{}, 0, "", [], False, None],
        expected="[{}, 0, '', [], False, None]",
        came=repr(came),
        look_at="what is asked of a decoded value: whether it is None, or whether it is true",
        hint=2,
    )


def test_ex2_each_row_is_decoded_once() -> None:
    """One bad row does not make the good ones be decoded again."""
    calls: list[bytes] = []

    def counted(text: bytes) -> Row:
        calls.append(text)
        return decode(text)

    texts = [b'{"a":%d,"b":null}' % number if number % 10 else b"{" for number in range(500)]
    decode_exact(texts, counted, encode)
    expect(
        len(calls) == 500,
        expected="500 calls of decode for 500 rows",
        came=f"{len(calls)} calls",
        look_at="where to go on after a failure",
        hint=2,
    )


ENDS = [
    (b'{"a":1} ', 7, "an object"),
    (b"[1,[2,{}]],", 10, "an array in an array"),
    (b'{"a":"}"},', 9, "a bracket in a string"),
    (b'{"a":"]["},', 10, "brackets in a string"),
    (b'{"a":"\\"}"},', 11, "an escaped quote"),
    (b'{"a":"\\\\"},', 10, "an escaped backslash before a quote"),
    (b'{"a":"\\\\\\""},', 12, "an escaped backslash and an escaped quote"),
    (b'"a,b]",', 6, "a string"),
    (b'"\\\\",', 4, "a string of one backslash"),
    (b"-12.5e3,", 7, "a number"),
    (b"null]", 4, "a word before a bracket"),
    (b"true ,", 4, "a word before a space"),
    (b'{"a":1,},', 8, "an object with a comma too many"),
    (b"{nonsense: 'x'},", 15, "nonsense in brackets"),
    (b'{"a":NaN "a":2},', 15, "an object that is none"),
    ('{"a":"東京}"},'.encode(), 15, "other scripts"),
]


@pytest.mark.parametrize(("data", "end", "what"), ENDS, ids=[what for _, _, what in ENDS])
def test_ex3_a_value_ends_where_it_ends(data: bytes, end: int, what: str) -> None:
    """The end is found whatever stands inside, wherever the value begins."""
    for before in (b"", b"[", b' "x", {'):
        came = value_end(before + data + b'{"b":2}]', len(before))
        expect(
            came == len(before) + end,
            expected=f"{what}: the end behind {data[:end]!r}",
            came="no end" if came is None else f"the end behind {(before + data + b'...')[len(before) : came]!r}",
            look_at="what counts, and what only looks like it",
            hint=1,
        )


def test_ex3_not_known_yet(rng: random.Random) -> None:
    """Cut off anywhere, a value has no end yet; nor has a number that may go on."""
    value = b'{"a":["x\\"}",{"b":[1.5,null]}],"c":"\\\\"}'
    for cut in range(1, len(value)):
        came = value_end(value[:cut], 0)
        expect(
            came is None, expected=f"None for {value[:cut]!r}", came=came, look_at="a string that is cut off", hint=2
        )
    for data in (b"12", b"nul", b'"a', b'"a\\', b'"a\\"', b'{"a":"}', b'["]'):
        came = value_end(b"[" + data, 1)
        expect(came is None, expected=f"None for {data!r}: more may come", came=came, hint=1)


def test_ex3_no_value_at_all() -> None:
    """A comma, a colon or a closing bracket begins no value."""
    for data in (b",1", b"]", b"}", b":1", b" 1"):
        try:
            came: object = value_end(data, 0)
        except CorruptError:
            continue
        expect(False, expected=f"a CorruptError for {data!r}", came=came, look_at="what a value can begin with")
