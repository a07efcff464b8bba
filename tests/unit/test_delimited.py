"""CSV files: what comes out of good, odd and broken ones."""

import contextlib
import json
import tracemalloc

import pytest

from ingestion.errors import ContractViolationError
from ingestion.files.columns import Column
from ingestion.files.delimited import find_break, match_header, read_delimited
from ingestion.files.window import Window
from tests.files import AT, HEADER, PARCELS, Spy, Trickle, all_of, same_however_read


def row(key: str, note: str = "fine", rest: str = f"1,0.10,true,2026-03-02,{AT}") -> str:
    return f"{key},{note},{rest}"


def read(*lines: str, newline: str = "\n", last: bool = True) -> tuple[list[str], list[tuple[int, str]]]:
    """The ids that came out, and the line and bytes of each bad row."""
    content = (newline.join([HEADER, *lines]) + (newline if last else "")).encode(errors="surrogateescape")
    same_however_read(read_delimited, content)
    records, bad, mark = all_of(read_delimited, content)
    for each in bad:
        assert content[each.offset :].startswith(each.raw)
        lines_before = content[: each.offset].count(newline.encode())
        assert each.line == lines_before + 1
    assert mark.offset == len(content) or not lines
    return [record.key for record in records], [(each.line, each.reason) for each in bad]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("2,fine,1", "3 fields, declared are 7"),
        (row("2") + ",more", "8 fields, declared are 7"),
        (row("2", '"p"q'), "something follows a closing quote"),
        (row("2", 'p"q'), "a quote or a stray line end in a plain field"),
        (row("2", '"never closed'), "a quote is never closed"),
        (row("2", "a\rb"), "a quote or a stray line end in a plain field"),
        (row("2", "a\0b"), "a NUL character, which Postgres cannot store"),
        (row("2", '"a\0b"'), "a NUL character, which Postgres cannot store"),
        (row("2", "\udcff\udcfe"), "not UTF-8"),
        (row("2", "\udced\udca0\udc80"), "not UTF-8"),
        (row(""), "id: null, but the column has none"),
        (row('""'), "id: a key is not empty"),
        (f"2,x,9223372036854775808,,,,{AT}", "pieces: no int64: too large"),
        (f"2,x,1.0,,,,{AT}", "pieces: no int64: '1.0'"),
        (f'2,x,"",,,,{AT}', "pieces: no int64: ''"),
        (f"2,x,٣,,,,{AT}", "pieces: no int64: '٣'"),
        (f"2,x,1_000,,,,{AT}", "pieces: no int64: '1_000'"),
        (f"2,x, 1,,,,{AT}", "pieces: no int64: ' 1'"),
        (f"2,x,007,,,,{AT}", "pieces: no int64: '007'"),
        (f"2,x,,0.105,,,{AT}", "price: 3 digits after the point, declared are 2"),
        (f"2,x,,123456789.00,,,{AT}", "price: no decimal(10,2): too large"),
        (f"2,x,,1e3,,,{AT}", "price: no decimal: '1e3'"),
        (f"2,x,,NaN,,,{AT}", "price: no decimal: 'NaN'"),
        (f"2,x,,,yes,,{AT}", "fragile: no boolean: 'yes'"),
        (f"2,x,,,,2026-02-30,{AT}", "due: day is out of range for month"),
        (f"2,x,,,,01/02/2026,{AT}", "due: no date: '01/02/2026'"),
        (f"2,x,,,,20260301,{AT}", "due: no date: '20260301'"),
        ("2,x,,,,,2026-03-01T00:00:00", "at: a time without a zone, and none is declared"),
        ("2,x,,,,,2026-03-01T00:00:00.1234567Z", "at: no timestamp: '2026-03-01T00:00:00.1234567Z'"),
        ("2,x,,,,,infinity", "at: no timestamp: 'infinity'"),
        ("2,x,,,,,", "at: null, but the column has none"),
        ("2,x,,,,,0001-01-01T00:00:00+01:00", "at: date value out of range"),
    ],
)
def test_only_the_broken_row_is_set_aside(broken: str, reason: str) -> None:
    lines = [row("0"), row("1", '"two\nlines"'), broken, row("3", '"a ""quote"""'), row("4")]
    assert read(*lines) == (["0", "1", "3", "4"], [(5, reason)])
    assert read(broken, *lines[:2]) == (["0", "1"], [(2, reason)])
    assert read(*lines[:2], broken, last=False) == (["0", "1"], [(5, reason)])


def test_a_quote_that_closes_in_another_row_takes_no_row_with_it() -> None:
    found = read(row("0"), row("1", '"open'), row("2"), row("3", '"quoted"'), row("4"))
    assert found == (["0", "2", "3", "4"], [(3, "a quote is never closed")])


def test_a_break_after_a_value_of_many_lines_takes_the_whole_record() -> None:
    """Its second line looks like a record, and is none."""
    inner = row("9", "I am data")
    found = read(row("0"), row("1", f'"first\n{inner}\nlast"') + ",more", row("2"))
    assert found == (["0", "2"], [(3, "8 fields, declared are 7")])


def test_nothing_is_changed_in_a_value() -> None:
    values = [
        "NA",
        "null",
        "\\N",
        "00123",
        "1E5",
        " spaced ",
        "=SUM(A1:A9)",
        "a\\nb",
        "'",
        "\t",
        "\ufeff",
        "e\u0301",
        "ﬁ",
        "\x0b",
        "\x1c",
        "\u2028",
        "\x85",
    ]
    lines = [row(str(number), f'"{value}"') for number, value in enumerate(values)]
    content = "\n".join([HEADER, *lines]).encode()
    same_however_read(read_delimited, content)
    records, bad, _ = all_of(read_delimited, content)
    assert [record.data()["note"] for record in records] == values
    assert not bad


def test_numbers_keep_every_digit() -> None:
    content = f"{HEADER}\n1,,9223372036854775807,-99999999.90,,,{AT}\n2,,-9223372036854775808,0.1,,,{AT}\n3,,-0,-0.00,,,{AT}\n4,,0,5,TRUE,,2026-03-01 01:00+01:00\n5,,0,5,TRUE,,2026-03-01 01:00:00.5+01\n"
    records, bad, _ = all_of(read_delimited, content.encode())
    assert [(r.data()["pieces"], r.data()["price"]) for r in records] == [
        (9223372036854775807, "-99999999.90"),
        (-9223372036854775808, "0.10"),
        (0, "5.00"),
    ]
    assert records[2].data()["at"] == "2026-03-01T00:00:00.500000Z"
    assert [each.reason for each in bad] == ["pieces: no int64: '-0'", "at: no timestamp: '2026-03-01 01:00+01:00'"]


def test_nothing_is_null_and_two_quotes_are_the_empty_string() -> None:
    records, _, _ = all_of(read_delimited, f'{HEADER}\n1,,,,,,{AT}\n2,"",,,,,{AT}\n'.encode())
    assert [record.data()["note"] for record in records] == [None, ""]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("last", [True, False])
def test_the_same_rows_however_lines_end(newline: str, mark: str, last: bool) -> None:
    lines = [HEADER, row("1", '"two\r\nlines\nor\rthree"'), row("2")]
    content = (mark + newline.join(lines) + (newline if last else "")).encode()
    same_however_read(read_delimited, content)
    records, bad, _ = all_of(read_delimited, content)
    assert [record.data()["note"] for record in records] == ["two\r\nlines\nor\rthree", "fine"]
    assert not bad


def test_a_stray_line_feed_in_a_file_of_carriage_returns_is_set_aside() -> None:
    assert read(row("1"), row("2", "a\nb"), row("3"), newline="\r") == (
        ["1", "3"],
        [(3, "a quote or a stray line end in a plain field")],
    )


def test_blank_lines_are_no_rows() -> None:
    assert read("", row("1"), "", "", row("2"), "") == (["1", "2"], [])


def test_in_a_file_of_one_column_a_blank_line_is_a_null() -> None:
    spy = Spy.on(Column("name", "text", nullable=True))
    with contextlib.suppress(ContractViolationError):
        all_of(read_delimited, b'name\na\n\n""\nb\n', spy)
    assert spy.seen == [("a",), (None,), ("",), ("b",)]


@pytest.mark.parametrize("content", [b"", b"\n", b"\xef\xbb\xbf", b"\r\n\r\n", HEADER.encode(), f"{HEADER}\n".encode()])
def test_a_file_without_rows_gives_nothing(content: bytes) -> None:
    assert list(read_delimited(Trickle(content, 3), PARCELS)) == []


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_columns_are_found_by_name(delimiter: str) -> None:
    names = HEADER.split(",")
    layout = match_header(delimiter.join(f'"{name}"' for name in reversed(names)), names)
    assert layout.delimiter == delimiter
    assert layout.order == tuple(range(6, -1, -1))
    content = f"{delimiter.join(reversed(names))}\n{delimiter.join([AT, '', '', '', '5', 'a', '1'])}\n"
    [record], bad, _ = all_of(read_delimited, content.encode())
    assert record.key == "1"
    assert json.loads(record.payload)["pieces"] == 5
    assert not bad


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (HEADER.replace("note,", ""), "missing: 'note'"),
        (HEADER + ",extra", "not declared: 'extra'"),
        (HEADER.replace("note", "id"), "missing: 'note'; twice: 'id'"),
        (HEADER + ",note", "twice: 'note'"),
        (HEADER.replace("note", "Note"), "missing: 'note'; not declared: 'Note'"),
        (HEADER.replace("note", " note"), "not declared: ' note'"),
        ("1,fine,1,0.10,true,2026-03-02", "missing: 'id'"),
        (HEADER.replace(",", ":"), "missing"),
        (HEADER.replace(",", ",,"), "not declared: ''"),
    ],
)
def test_another_header_fails_the_file_before_any_row(header: str, said: str) -> None:
    with pytest.raises(ContractViolationError, match=said):
        next(read_delimited(Trickle(f"{header}\n{row('1')}\n".encode(), 5), PARCELS))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-16-le", "utf-32"])
def test_another_encoding_fails_the_file(encoding: str) -> None:
    with pytest.raises(ContractViolationError):
        next(read_delimited(Trickle(f"{HEADER}\n{row('1')}\n".encode(encoding), 50), PARCELS))


def test_a_header_without_end_fails_the_file_without_reading_it() -> None:
    stream = Trickle(b"x" * (1 << 24), 1 << 20)
    with pytest.raises(ContractViolationError, match="no header"):
        next(read_delimited(stream, PARCELS))
    assert stream._content.tell() < 1 << 20


def test_a_quote_that_nothing_closes_is_bounded() -> None:
    lines = [row("0"), row("1", '"open'), *(row(str(number)) for number in range(2, 4000))]
    content = "\n".join([HEADER, *lines]).encode()
    for options in ({"max_record_bytes": 2000, "block_bytes": 500}, {"max_record_bytes": 2000}, {"block_bytes": 9000}):
        records, bad, _ = all_of(read_delimited, content, **options)
        assert len(records) == 3999
        assert [each.line for each in bad] == [3]


@pytest.mark.parametrize("block_bytes", [100, 333, 1000, 4000, 1 << 18])
def test_a_record_that_is_too_long_is_set_aside_wherever_blocks_end(block_bytes: int) -> None:
    long = row("2", "x" * 3000)
    quoted = row("3", '"' + "y\n" * 1500 + '"')
    content = "\n".join([HEADER, row("1"), long, quoted, row("4")]).encode()
    records, bad, _ = all_of(read_delimited, content, max_record_bytes=1000, block_bytes=block_bytes)
    assert [record.key for record in records] == ["1", "4"]
    assert (bad[0].line, bad[0].raw_size_bytes // 10) == (3, len(long) // 10)
    assert [each.line for each in bad[1:3]] == [4, 5]


def test_one_line_of_64_mib_takes_no_memory() -> None:
    class Endless(Trickle):
        """A header, a good row, 64 MiB of one line, and a good row."""

    content = b"".join([HEADER.encode(), b"\n", row("1").encode(), b"\n", b"z" * (1 << 26), b"\n", row("2").encode()])
    tracemalloc.start()
    records, bad, _ = [], [], None
    for parsed in read_delimited(Endless(content, 1 << 20), PARCELS):
        records += parsed.records
        bad += parsed.bad
    assert [record.key for record in records] == ["1", "2"]
    assert [(each.line, len(each.raw), each.raw_size_bytes) for each in bad] == [(3, 1 << 16, (1 << 26) + 1)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40 << 20


def test_ten_thousand_broken_rows_are_read_in_one_pass() -> None:
    """What is quadratic takes minutes here."""
    lines = [row("1", kind) for kind in ('"a""b', '"', 'x"', '""x', '"""') for _ in range(4000)]
    _, bad, mark = all_of(read_delimited, "\n".join([HEADER, *lines]).encode())
    assert mark.line == 20_002
    assert len(bad) > 10_000


def test_find_break_leaves_an_open_quote_to_the_caller() -> None:
    found = find_break('1,"a\nb\n', 0, delimiter=",", newline="\n", width=2)
    assert (found.end, found.is_open) == (5, True)


def test_content_that_is_shorter_than_the_mark_is_corrupt() -> None:
    window = Window(Trickle(b"abc", 2), 2)
    with pytest.raises(Exception, match="ends before byte 9"):
        window.drop_to(9)


@pytest.mark.parametrize("size", [1 << 16, 600_000])
def test_a_file_that_begins_with_many_blank_lines_is_not_taken_for_an_empty_one(size: int) -> None:
    """More of them than are looked at for a header: its rows may not be lost without a word."""
    with pytest.raises(ContractViolationError, match="header"):
        list(read_delimited(Trickle(b"\n" * size + f"{HEADER}\n{row('1')}\n".encode(), 1 << 18), PARCELS))
