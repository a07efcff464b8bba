"""What is parked of a file's bad row is enough to read it again, and passes no other gate than the file's own."""

import functools
import io
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingestion.errors import ContractViolationError
from ingestion.files.columns import Column
from ingestion.files.delimited import read_delimited
from ingestion.files.json_lines import read_json
from ingestion.files.notification import Drop
from ingestion.files.parquet import parsed
from ingestion.files.parsed import BadRow, Parsed
from ingestion.files.rejects import reject_of, row_of
from ingestion.files.schema import Schema
from ingestion.record import Record
from ingestion.store.dead_letters import DeadLetter
from tests.files import AT, HEADER, PARCELS

relaxed = functools.partial(settings, deadline=None)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DROP = Drop("drops", "a b.csv", "0" * 32, 1, NOON)
MENDED = {"price": Column("price", "decimal", nullable=True, precision=12, scale=4), "pieces": Column("pieces", "text")}
WIDE = msgspec.structs.replace(PARCELS, columns=tuple(MENDED.get(column.name, column) for column in PARCELS.columns))


def letter_of(bad: BadRow, **changed: Any) -> DeadLetter:
    """The letter that parking a bad row makes."""
    reject = reject_of(bad, DROP, PARCELS)
    size_bytes = max(reject.raw_size_bytes, len(reject.raw))
    letter = DeadLetter(
        1, reject.source, reject.stream, reject.raw, size_bytes, reject.reason, reject.ordinal, "", "parked", 0, NOON
    )
    kept = {"form": reject.form, "context": reject.context, "origin": reject.origin}
    return msgspec.structs.replace(letter, **{**kept, **changed})


def rows(stretches: Iterable[Parsed]) -> tuple[list[Record], list[BadRow]]:
    read = list(stretches)
    return [record for each in read for record in each.records], [bad for each in read for bad in each.bad]


def refusal(letter: DeadLetter, schema: Schema = PARCELS) -> str:
    with pytest.raises(ContractViolationError) as caught:
        row_of(letter, schema)
    return str(caught.value)


def csv(text: str, schema: Schema = PARCELS) -> tuple[list[Record], list[BadRow]]:
    return rows(read_delimited(io.BytesIO(text.encode()), schema))


def lines(content: bytes, schema: Schema = PARCELS) -> tuple[list[Record], list[BadRow]]:
    return rows(read_json(io.BytesIO(content), schema))


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", ",;\t|")
@pytest.mark.parametrize("names", [HEADER.split(","), HEADER.split(",")[::-1]], ids=["in order", "reversed"])
def test_a_csv_row_is_read_under_the_header_of_its_own_file(names: list[str], delimiter: str, newline: str) -> None:
    row = {
        "id": "7",
        "note": f'"5\' {delimiter} ""x""\nnext line"',
        "pieces": "many",
        "price": "1.2345",
        "fragile": "",
        "due": "2026-03-02",
        "at": AT,
    }
    header = delimiter.join(f'"{name}"' if name == "note" else name for name in names)
    text = header + newline + delimiter.join(row[name] for name in names) + newline
    none, [bad] = csv(text)
    [wanted], good = csv(text, WIDE)
    assert (none, good) == ([], [])
    assert row_of(letter_of(bad), WIDE) == wanted
    assert wanted.data()["note"] == f'5\' {delimiter} "x"\nnext line'
    assert refusal(letter_of(bad)) == f"a b.csv line 2, byte {len(header + newline)}: pieces: no int64: 'many'"


def json_row(**changed: Any) -> dict[str, Any]:
    row = {"id": "7", "note": "é", "pieces": "3", "price": 1.2345, "fragile": True, "due": None, "at": AT}
    return row | changed


@pytest.mark.parametrize(
    ("wrap", "indent"),
    [(b"%s\n", None), (b"\xef\xbb\xbf%s\r\n", None), (b"[%s]", None), (b"[%s]", 1)],
    ids=["a line", "after a byte order mark", "an element", "an element of many lines"],
)
def test_a_json_row_is_read_again_with_every_digit(wrap: bytes, indent: int | None) -> None:
    content = wrap % json.dumps(json_row(), indent=indent).encode()
    none, [bad] = lines(content)
    [wanted], good = lines(content, WIDE)
    assert (none, good) == ([], [])
    assert row_of(letter_of(bad), WIDE) == wanted
    assert wanted.data()["price"] == "1.2345"


ARROW = pa.schema(
    [
        ("id", pa.string()),
        ("note", pa.dictionary(pa.int8(), pa.string())),
        ("pieces", pa.int64()),
        ("price", pa.decimal128(30, 9)),
        ("fragile", pa.bool_()),
        ("due", pa.date32()),
        ("at", pa.timestamp("ns", "Asia/Tokyo")),
    ]
)


def arrow_batch(**changed: Any) -> pa.RecordBatch:
    row = json_row(pieces=2**62, price=Decimal("1.234500000"), at=NOON) | changed
    good = json_row(id="8", pieces=1, price=Decimal("1.20"), at=NOON)
    from ingestion.files.arrow_types import unpack

    return unpack(pa.RecordBatch.from_pylist([good, row, good], ARROW))


def test_a_parquet_row_is_read_again_with_its_types() -> None:
    """Its raw bytes show text; what it is read from keeps every type: 2**62 and 1.2345 are not strings."""
    wide = msgspec.structs.replace(
        PARCELS, columns=tuple(MENDED["price"] if column.name == "price" else column for column in PARCELS.columns)
    )
    _, [bad] = rows([parsed(arrow_batch(), 0, PARCELS)])
    wanted, _ = rows([parsed(arrow_batch(), 0, wide)])
    assert row_of(letter_of(bad), wide) == wanted[1]
    assert wanted[1].data()["pieces"] == 2**62
    assert json.loads(bad.raw)["price"] == "1.234500000"
    assert refusal(letter_of(bad)).startswith("a b.csv row 2: price: ")


def test_a_parquet_row_that_is_too_large_to_keep_says_so() -> None:
    _, [bad] = rows([parsed(arrow_batch(note="x" * 70_000), 0, PARCELS)])
    assert (bad.context, len(bad.raw)) == (b"", 1 << 16)
    assert refusal(letter_of(bad), WIDE) == "a b.csv row 2: the row is too large to be kept whole"


def test_of_a_batch_that_a_view_drags_along_nothing_is_kept() -> None:
    """A slice of a view would be written with all that the whole column holds."""
    notes = pa.array(["x" * 1000 + str(number) for number in range(1000)], pa.string_view())
    batch = pa.RecordBatch.from_pylist([json_row(pieces=1, price=Decimal("1.2345"), at=NOON)] * 1000, ARROW)
    columns = [notes if name == "note" else batch.column(name) for name in batch.schema.names]
    _, bad = rows([parsed(pa.RecordBatch.from_arrays(columns, names=batch.schema.names), 0, PARCELS)])
    assert len(bad) == 1000
    assert {row.context for row in bad} == {b""}


good = f"1,n,2,3.00,true,2026-03-02,{AT}"
bad_fields = st.sampled_from([good, "1,n,x,3.00,true,2026-03-02," + AT, '"', '"a', 'a"b', "\r", "\n", ",", "é", AT, ""])
bad_bytes = st.lists(bad_fields.map(str.encode) | st.binary(max_size=4), max_size=12).map(b"".join)


@relaxed(max_examples=300)
@example(f"{good}\r\r\n".encode(), "\n", HEADER)  # with one of its carriage returns it would be good
@example(f"\r\n{good}\r".encode(), "\r", HEADER)  # behind the header, its first byte would end that
@given(bad_bytes, st.sampled_from(["\n", "\r\n", "\r"]), st.sampled_from([HEADER, ",".join(HEADER.split(",")[::-1])]))
def test_what_a_csv_file_refused_is_refused_again(content: bytes, newline: str, header: str) -> None:
    """Whatever stands in a file: alone, a bad row is the same bad row, and never two, or a good one."""
    _, bad = rows(read_delimited(io.BytesIO((header + newline).encode() + content), PARCELS))
    for row in bad:
        assert refusal(letter_of(row)).endswith(row.reason)


json_pieces = st.sampled_from(
    [
        json.dumps(json_row(pieces=1, price="1.00")),
        json.dumps(json_row()),
        "[",
        "]",
        "{",
        "}",
        ",",
        "\n",
        "\ufeff",
        '"',
        "1",
    ]
)
json_bytes = st.lists(json_pieces.map(str.encode) | st.binary(max_size=3), max_size=10).map(b"".join)


@relaxed(max_examples=300)
@given(json_bytes, st.booleans())
def test_what_a_json_file_refused_is_refused_again(content: bytes, is_lines: bool) -> None:
    """A line that is an array of a good row, or has a byte order mark before it, is no good row when it stands alone."""
    content = b'{"a": 1}\n' + content if is_lines else content
    try:
        _, bad = rows(read_json(io.BytesIO(content), PARCELS))
    except Exception:
        return  # the file was refused as a whole
    for row in bad:
        assert refusal(letter_of(row)).endswith(row.reason)


def test_a_line_that_holds_a_good_row_within_an_array_stays_bad() -> None:
    """The reader of a file would take these bytes for a file of their own."""
    row = json.dumps(json_row(pieces=1, price="1.00")).encode()
    for line in (b"[%s]" % row, b"\xef\xbb\xbf" + row, b"[%s,%s]" % (row, row)):
        [_], [bad] = lines(row + b"\n" + line + b"\n")
        assert bad.raw == line
        refusal(letter_of(bad))


def test_hostile_letters_are_refused_and_raise_nothing_else() -> None:
    """An `OSError` would end the whole redrive as a passing failure: Arrow raises one for a stream that is cut."""
    _, [of_csv] = csv(HEADER + f"\n1,n,x,3.00,true,2026-03-02,{AT}\n")
    _, [of_parquet] = rows([parsed(arrow_batch(), 0, PARCELS)])
    _, [of_json] = lines(json.dumps(json_row()).encode())
    row = b"1,n,x,3.00,true,2026-03-02," + AT.encode()
    for context in (b"", b"\n", b"id", b"\xff\n", HEADER.encode()[:-1], HEADER.encode() + b"\n" + row + b"\n"):
        refusal(letter_of(of_csv, context=context), WIDE)
    refusal(letter_of(of_csv, raw=row + b"\n" + row), WIDE)
    refusal(letter_of(of_csv, raw=b""), WIDE)
    refusal(letter_of(of_csv, form="json"), WIDE)
    refusal(letter_of(of_json, form="csv"), WIDE)
    refusal(letter_of(of_json, raw=b""), WIDE)
    refusal(letter_of(of_json, raw=of_json.raw + of_json.raw), WIDE)
    assert "no reader here knows the form 'xml'" in refusal(letter_of(of_json, form="xml"), WIDE)
    kept = of_parquet.context
    for cut in range(0, len(kept), 7):
        refusal(letter_of(of_parquet, context=kept[:cut]))
    for at in range(0, len(kept), 5):
        letter = letter_of(of_parquet, context=kept[:at] + b"\xff" * 8 + kept[at + 8 :])
        try:
            row_of(letter, PARCELS)
        except ContractViolationError:
            continue


def test_a_letter_of_a_time_before_says_that_its_file_is_needed() -> None:
    """Nothing says whether its bytes are CSV, JSON or what was shown of Parquet, and under which header."""
    _, [of_csv] = csv(HEADER + f"\n1,n,x,3.00,true,2026-03-02,{AT}\n")
    _, [of_json] = lines(json.dumps(json_row()).encode())
    _, [of_parquet] = rows([parsed(arrow_batch(), 0, PARCELS)])
    for bad in (of_csv, of_json, of_parquet):
        letter = letter_of(bad, form="", context=b"", origin="")
        assert refusal(letter, WIDE) == "parked without what it takes to read it again: load its file anew"


def test_what_postgres_refused_is_a_payload_and_is_read_as_one() -> None:
    [record], _ = csv(f"{HEADER}\n{good}\n")
    letter = letter_of(BadRow(1, 0, record.payload, len(record.payload), "refused"), origin="")
    assert letter.form == ""
    assert row_of(letter, PARCELS) == record
