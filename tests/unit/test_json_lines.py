"""Files of JSON: what is exact comes out, what is not is set aside, what cannot be followed fails the file."""

import json
import tracemalloc

import pytest

from ingestion.errors import ContractViolationError, CorruptError
from ingestion.files.columns import Column
from ingestion.files.json_lines import read_json, strict_json, value_end
from ingestion.files.schema import Schema
from tests.files import AT, PARCELS, Trickle, all_of, same_however_read


def line(key: str, **fields: object) -> str:
    row = {"id": key, "note": None, "pieces": 1, "price": "0.10", "fragile": True, "due": None, "at": AT}
    return json.dumps(row | fields, ensure_ascii=False, separators=(",", ":"))


BROKEN = [
    ('{"id":"2"', "Expecting ',' delimiter: line 1 column 10 (char 9)"),
    (line("2")[:-1] + ',"id":"3"}', "the name 'id' stands there twice"),
    (line("2")[:-1] + ',"id":"2"}', "the name 'id' stands there twice"),
    (line("2").replace('"pieces":1', '"pieces":NaN'), "NaN is no JSON"),
    (line("2").replace('"pieces":1', '"pieces":-Infinity'), "-Infinity is no JSON"),
    (line("2").replace('"note":null', '"note":"\\ud83d"'), "half a surrogate pair"),
    (line("2").replace('"note":null', '"note":"\\u0000"'), "note: a NUL character, which Postgres cannot store"),
    (line("2").replace('"note":null', '"note":"\udcff"'), "not UTF-8"),
    (line("2").replace('"note":null', '"note":' + "[" * 100_000 + "]" * 100_000), "nested too deep"),
    (line("2", pieces=2**63), "pieces: no int64: too large"),
    (line("2", pieces=1.0), "pieces: no int64, but Decimal('1.0') (Decimal)"),
    (line("2", pieces="1"), "pieces: no int64, but '1' (str)"),
    (line("2", pieces=True), "pieces: no int64, but True (bool)"),
    (line("2", fragile=1), "fragile: no boolean, but 1 (int)"),
    (line("2", fragile="true"), "fragile: no boolean, but 'true' (str)"),
    (line("2", note=7), "note: no text, but 7 (int)"),
    (line("2", note={"a": 1}), "note: no text, but {'a': 1} (dict)"),
    (line("2", price=0.105), "price: 3 digits after the point, declared are 2"),
    (line("2", price="1e3"), "price: no decimal: '1e3'"),
    (line("2").replace('"price":"0.10"', '"price":1e999999999'), "'1e999999999' is out of range"),
    (line("2").replace('"price":"0.10"', '"price":0e-99999999999999'), "'0e-99999999999999' is out of range"),
    (line("2").replace('"pieces":1', '"pieces":1E+99999999999999999999'), "'1E+99999999999999999999' is out of range"),
    (line("2", id=""), "id: a key is not empty"),
    (line("2", id=None), "id: null, but the column has none"),
    (line("2", more=1), "not the declared names: missing [], not declared ['more']"),
    (line("2").replace('"note":null,', ""), "not the declared names: missing ['note'], not declared []"),
    ("[1,2]", "no object, but list"),
    ("null", "no object, but NoneType"),
    ("7", "no object, but int"),
]


@pytest.mark.parametrize(("broken", "reason"), BROKEN)
def test_only_the_broken_line_is_set_aside(broken: str, reason: str) -> None:
    lines = [line("0"), line("1", note="{"), broken, line("3", note='"')]
    content = "\n".join(lines).encode(errors="surrogateescape")
    records, bad, _ = all_of(read_json, content)
    assert [record.key for record in records] == ["0", "1", "3"]
    assert [(each.line, each.reason) for each in bad] == [(3, reason)]
    assert content[bad[0].offset :].startswith(bad[0].raw)
    if len(content) < 5000:
        same_however_read(read_json, content)


@pytest.mark.parametrize(("broken", "reason"), BROKEN[1:])
def test_only_the_broken_element_is_set_aside(broken: str, reason: str) -> None:
    elements = [line("0"), line("1", note="{"), broken, line("3", note='"]')]
    content = ("[\n" + ",\n".join(elements) + "\n]\n").encode(errors="surrogateescape")
    records, bad, _ = all_of(read_json, content)
    assert [record.key for record in records] == ["0", "1", "3"]
    assert [(each.line, each.reason) for each in bad] == [(4, reason)]
    assert content[bad[0].offset :].startswith(broken[:50].encode(errors="surrogateescape"))
    if len(content) < 5000:
        same_however_read(read_json, content)


NESTED = Schema(
    "test", "nested", (Column("id", "text"), Column("at", "timestamp"), Column("value", "json")), "id", "at"
)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ('["\\u0000"]', "a NUL character, which Postgres cannot store"),
        ('{"\\u0000":1}', "a NUL character, which Postgres cannot store"),
        ("[1e400]", "value: 1E+400 is more exact than a double, or larger"),
        ("[0.1000000000000000055]", "value: 0.1000000000000000055 is more exact than a double, or larger"),
    ],
)
def test_what_is_nested_is_exact_too(value: str, reason: str) -> None:
    """The quick way through C may not let pass what the careful way refuses, whichever way the row beside it takes."""
    rows = [f'{{"id":"{key}","at":"{AT}","value":{found}}}' for key, found in enumerate([value, '["\\\\u0000",0.5]'])]
    for content in ("\n".join(rows), "\n".join([rows[0].replace(",", ", "), rows[1]]), f"[{','.join(rows)}]"):
        records, bad, _ = all_of(read_json, content.encode(), NESTED)
        assert [record.data()["value"] for record in records] == [["\\u0000", 0.5]]
        assert [each.reason for each in bad] == [reason]


def test_digits_are_kept() -> None:
    lines = [
        line("1", pieces=9223372036854775807),
        line("2").replace('"0.10"', "0.10"),
        line("3").replace('"0.10"', "12"),
    ]
    lines += [line("4").replace('"0.10"', "1.5e1"), line("5").replace('"0.10"', '"7"')]
    records, bad, _ = all_of(read_json, "\n".join(lines).encode())
    assert [record.data()["price"] for record in records] == ["0.10", "0.10", "12.00", "15.00", "7.00"]
    assert records[0].data()["pieces"] == 9223372036854775807
    assert not bad


def test_any_spelling_of_a_row_is_one_payload() -> None:
    row = json.loads(line("1", note="a/é\n"))
    spellings = [
        json.dumps(row),
        json.dumps(row, ensure_ascii=False),
        json.dumps(dict(reversed(row.items())), ensure_ascii=False, separators=(",", ":")),
        json.dumps(row).replace("/", "\\/"),
        " " + json.dumps(row) + "\t\r",
        json.dumps(row, separators=(",\r", ":")),
    ]
    content = ("\n\n  \n".join(spellings) + "\n").encode()
    same_however_read(read_json, content)
    records, bad, _ = all_of(read_json, content)
    assert len({record.payload for record in records}) == 1
    assert (len(records), bad) == (6, [])
    pretty = json.dumps([row] * 3, indent=4).encode()
    same_however_read(read_json, pretty)
    assert {record.payload for record in all_of(read_json, pretty)[0]} == {records[0].payload}


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xef\xbb\xbf", b"[]", b" [ \n ] \n", b"\xef\xbb\xbf[]"])
def test_a_file_without_rows_gives_nothing(content: bytes) -> None:
    assert list(read_json(Trickle(content, 2), PARCELS)) == []


def test_a_byte_order_mark_is_no_content() -> None:
    for content in (line("1"), f"[{line('1')}]"):
        same_however_read(read_json, ("\ufeff" + content).encode())
        assert len(all_of(read_json, ("\ufeff" + content).encode())[0]) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f"[{line('1')}", "never closed"),
        (f"[{line('1')},", "never closed"),
        (f"[{line('1')},]", "a value is missing"),
        (f"[,{line('1')}]", "a value is missing"),
        (f"[{line('1')} {line('2')}]", "an array goes on with"),
        (f"[{line('1')}:{line('2')}]", "an array goes on with"),
        (f"[{line('1')}] x", "something follows the array"),
        (f"[{line('1')}]]", "something follows the array"),
        (f'[{line("1")},{{"id":"open]', "never closed"),
    ],
)
def test_an_array_that_cannot_be_followed_fails_the_file(content: str, said: str) -> None:
    for size in (1, 3, 1000):
        with pytest.raises(CorruptError, match=said):
            list(read_json(Trickle(content.encode(), 7), PARCELS, block_bytes=size))


def test_utf_16_fails_the_file() -> None:
    with pytest.raises(ContractViolationError, match="UTF-16"):
        list(read_json(Trickle(line("1").encode("utf-16"), 7), PARCELS))


def test_a_line_that_is_too_long_is_set_aside_without_being_kept() -> None:
    content = b"".join([line("1").encode(), b"\n", b'"' + b"z" * (1 << 26), b"\n", line("2").encode()])
    tracemalloc.start()
    parsed = list(read_json(Trickle(content, 1 << 20), PARCELS))
    assert [record.key for each in parsed for record in each.records] == ["1", "2"]
    [bad] = [bad for each in parsed for bad in each.bad]
    assert (bad.line, len(bad.raw), bad.raw_size_bytes) == (2, 1 << 16, (1 << 26) + 2)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40 << 20


def test_an_element_that_is_too_long_fails_the_file() -> None:
    content = b"[" + line("1").encode() + b',"' + b"z" * (1 << 24)
    stream = Trickle(content, 1 << 20)
    with pytest.raises(ContractViolationError, match="longer than 100000 bytes"):
        list(read_json(stream, PARCELS, max_record_bytes=100_000))
    assert stream._content.tell() < 1 << 20


def test_nested_values_are_kept() -> None:
    schema = Schema(
        "s", "t", (Column("id", "text"), Column("items", "json", nullable=True), Column("at", "timestamp")), "id", "at"
    )
    items = [
        '[{"b":1.5,"a":{"x":[1,2,{}]}}]',
        "null",
        "12345678901234567890",
        '"text"',
        '{"a":1,"a":2}',
        '{"a":0.1000}',
        '{"a":0.12345678901234567890}',
    ]
    lines = [f'{{"id":"{number}","items":{item},"at":"{AT}"}}' for number, item in enumerate(items)]
    records, bad, _ = all_of(read_json, "\n".join(lines).encode(), schema)
    assert [record.data()["items"] for record in records] == [
        [{"a": {"x": [1, 2, {}]}, "b": 1.5}],
        None,
        12345678901234567890,
        "text",
        {"a": 0.1},
    ]
    assert [each.line for each in bad] == [5, 7]


def test_strict_json_keeps_what_is_exact() -> None:
    assert strict_json(b'{"a": 123456789012345678901234567890}') == {"a": 123456789012345678901234567890}
    assert str(strict_json(b"1.10")) == "1.10"
    assert strict_json('"\\ud83d\\ude00é"'.encode()) == "😀é"


@pytest.mark.parametrize(
    ("data", "end"),
    [
        (b'{"a":1} ', 7),
        (b'{"a":"}"},', 9),
        (b'{"a":"\\"}"},', 11),
        (b'{"a":"\\\\"},', 10),
        (b'[[1,{"b":[]}]]x', 14),
        (b'"a\\"b",', 6),
        (b"12,", 2),
        (b"null]", 4),
        (b"{nonsense: }, {", 12),
        (b'{"a":1', None),
        (b'{"a":"}', None),
        (b'{"a":"\\', None),
        (b"12", None),
        (b'"a', None),
    ],
)
def test_value_end_counts_brackets_outside_strings(data: bytes, end: int | None) -> None:
    assert value_end(b", " + data, 2) == (None if end is None else end + 2)


@pytest.mark.parametrize("content", [b"x\n" * 60_000, b"[" + b"1," * 30_000 + b"{}," * 30_000 + b"1]"])
def test_a_stretch_has_no_more_rows_than_fit_into_memory(content: bytes) -> None:
    """Two bytes of a file can be a bad row of five hundred: a block of them would be a thousand blocks."""
    stretches = list(read_json(Trickle(content, 1 << 20), PARCELS, block_bytes=1 << 20))
    bad = [bad for each in stretches for bad in each.bad]
    assert len(bad) >= 60_000
    assert max(len(each.bad) for each in stretches) <= 10_000
    assert [each.offset for each in bad] == sorted({each.offset for each in bad})
    if content[0] == ord("x"):
        assert [each.line for each in bad] == list(range(1, 60_001))
    for each in stretches[:-1]:
        rest = [bad for more in read_json(Trickle(content, 1 << 20), PARCELS, start=each.mark) for bad in more.bad]
        assert rest == bad[len(bad) - len(rest) :]
        assert len(rest) == len(bad) - each.mark.row


def test_white_space_without_end_is_read_once_and_in_little_memory() -> None:
    stream = Trickle(b"\n" * (1 << 26) + line("1").encode(), 1 << 20)
    tracemalloc.start()
    [parsed] = read_json(stream, PARCELS, block_bytes=1 << 20)
    assert ([record.key for record in parsed.records], parsed.mark.line) == (["1"], (1 << 26) + 1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert stream._content.tell() > 1 << 26
    assert peak < 20 << 20


@pytest.mark.parametrize("space", ["\x0b", "\x0c"])
def test_white_space_that_json_does_not_know_stands_in_no_array(space: str) -> None:
    for content in (f"[{space}]", f"[{line('1')}{space},{line('2')}]", f"[{line('1')},{space}{line('2')}]"):
        with pytest.raises(CorruptError):
            list(read_json(Trickle(content.encode(), 7), PARCELS))
