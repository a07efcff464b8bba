"""Parquet: exact values, rows set aside, and files that are more than they seem (F14)."""

import os
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingestion.errors import ContractViolationError, CorruptError
from ingestion.files.columns import Column, Kind
from ingestion.files.parquet import Budget
from ingestion.files.parsed import BadRow, Mark
from ingestion.files.schema import Schema
from ingestion.files.walled import read_parquet
from ingestion.record import Record

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PLENTY = Budget(1 << 40, 1 << 40)


def schema_of(kind: Kind, **options: Any) -> Schema:
    columns = (Column("id", "text"), Column("at", "timestamp"), Column("value", kind, nullable=True, **options))
    return Schema("drops", "things", columns, "id", "at")


def written(folder: Path, values: pa.Array | Sequence[Any], **options: Any) -> Path:
    """Write a file with a key, an instant and *values*."""
    ids = pa.array([f"{number:06d}" for number in range(len(values))])
    at = pa.array([NOON] * len(values), pa.timestamp("us", "UTC"))
    path = folder / "things.parquet"
    pq.write_table(pa.table({"value": values, "id": ids, "at": at}), path, **options)
    return path


def read(path: Path, schema: Schema, **options: Any) -> tuple[list[Record], list[BadRow]]:
    stretches = list(read_parquet(path, schema, **options))
    return [record for each in stretches for record in each.records], [bad for each in stretches for bad in each.bad]


def values_of(path: Path, schema: Schema) -> tuple[list[Any], dict[int, str]]:
    records, bad = read(path, schema)
    return [record.data()["value"] for record in records], {row.line: row.reason for row in bad}


@pytest.mark.parametrize(
    ("kind", "options", "column", "wanted"),
    [
        ("text", {}, pa.array(["00123", "NA", "", None, "山\n"]), ["00123", "NA", "", None, "山\n"]),
        ("text", {}, pa.array(["a", "a", None]).dictionary_encode(), ["a", "a", None]),
        ("text", {}, pa.array(["a"], pa.large_string()), ["a"]),
        ("int64", {}, pa.array([2**63 - 1, -(2**63), None]), [2**63 - 1, -(2**63), None]),
        ("int64", {}, pa.array([2**63 - 1], pa.uint64()), [2**63 - 1]),
        ("int64", {}, pa.array([-1], pa.int8()), [-1]),
        (
            "decimal",
            {"precision": 18, "scale": 2},
            pa.array([Decimal("0.10"), Decimal("-99999999999999.99"), None], pa.decimal128(18, 2)),
            ["0.10", "-99999999999999.99", None],
        ),
        ("decimal", {"precision": 18, "scale": 2}, pa.array([Decimal("7")], pa.decimal256(50, 0)), ["7.00"]),
        ("decimal", {"precision": 18, "scale": 2}, pa.array([7, -7], pa.int32()), ["7.00", "-7.00"]),
        ("decimal", {"precision": 20, "scale": 9}, pa.array([Decimal("1E-9")], pa.decimal128(20, 9)), ["0.000000001"]),
        ("boolean", {}, pa.array([True, False, None]), [True, False, None]),
        ("date", {}, pa.array([date(1, 1, 1), date(9999, 12, 31), None]), ["0001-01-01", "9999-12-31", None]),
        ("date", {}, pa.array([86_400_000], pa.int64()).cast(pa.date64()), ["1970-01-02"]),
        ("timestamp", {}, pa.array([NOON], pa.timestamp("ns", "Asia/Tokyo")), ["2026-03-01T12:00:00.000000Z"]),
        (
            "timestamp",
            {"zone": "Asia/Tokyo"},
            pa.array([datetime(2026, 3, 1, 12)]),
            ["2026-03-01T03:00:00.000000Z"],
        ),
        (
            "json",
            {},
            pa.array([{"a": [1, None], "d": Decimal("0.10"), "at": NOON, "on": date(2026, 3, 1)}, None]),
            [{"a": [1, None], "d": "0.10", "at": "2026-03-01T12:00:00.000000Z", "on": "2026-03-01"}, None],
        ),
        ("json", {}, pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())), [{"k": 1}]),
        ("json", {}, pa.array(['{"b": [0.5]}']), [{"b": [0.5]}]),
        ("json", {}, pa.array(["[123456789012345678901234567890]"]), [[123456789012345678901234567890]]),
        ("json", {}, pa.array([[datetime(987, 3, 1, tzinfo=UTC)]]), [["0987-03-01T00:00:00.000000Z"]]),
        ("float64", {}, pa.array([0.1, -1e300, 5e-324, None]), [0.1, -1e300, 5e-324, None]),
        ("float64", {}, pa.array([0.5, 65504.0], pa.float16()), [0.5, 65504.0]),
        ("float64", {}, pa.array([0.25, None], pa.float32()), [0.25, None]),
        ("float64", {}, pa.array([7, -(2**53)]), [7.0, -(2.0**53)]),
    ],
)
def test_every_value_is_kept_exactly(
    tmp_path: Path, kind: Kind, options: dict[str, Any], column: pa.Array, wanted: list[Any]
) -> None:
    assert values_of(written(tmp_path, column), schema_of(kind, **options)) == (wanted, {})


@pytest.mark.parametrize(
    ("kind", "options", "column", "bad"),
    [
        ("int64", {}, pa.array([1, 2**63, 3], pa.uint64()), 2),
        ("decimal", {"precision": 18, "scale": 2}, pa.array([Decimal(10**60), Decimal(1)], pa.decimal256(70, 0)), 1),
        ("decimal", {"precision": 18, "scale": 2}, pa.array([Decimal("0.125")], pa.decimal128(18, 3)), 1),
        ("date", {}, pa.array([0, 2_932_897], pa.int32()).cast(pa.date32()), 2),
        ("date", {}, pa.array([0, -719_163], pa.int32()).cast(pa.date32()), 2),
        ("timestamp", {}, pa.array([253_402_300_800_000_000], pa.int64()).cast(pa.timestamp("us", "UTC")), 1),
        ("timestamp", {}, pa.array([1], pa.int64()).cast(pa.timestamp("ns", "UTC")), 1),
        (
            "timestamp",
            {"zone": "Europe/Berlin"},
            pa.array([NOON.replace(tzinfo=None), datetime(2026, 10, 25, 2, 30)]),
            2,
        ),
        ("text", {}, pa.array(["a", "nul\0", "c"]), 2),
        ("json", {}, pa.array([{"a": b"\xff"}]), 1),
        ("json", {}, pa.array(["{"]), 1),
        ("json", {}, pa.array([{"a": datetime(2026, 3, 1)}]), 1),
        ("json", {}, pa.array([[1.5], [2.5, float("nan")]]), 2),
        ("json", {}, pa.array([[-float("inf")], [0.0]]), 1),
        ("json", {}, pa.array([{"a": ["x\0"]}, {"a": ["x"]}]), 1),
        ("json", {}, pa.array(["[1]", "[NaN]"]), 2),
        ("json", {}, pa.array(['{"a": 1, "a": 2}', "{}"]), 1),
        ("json", {}, pa.array(['"\\ud800"', '"\\ud83d\\ude00"']), 1),
        ("json", {}, pa.array(["1", '["\\u0000"]']), 2),
        ("json", {}, pa.array(["[0.1]", "[0.1000000000000000055]"]), 2),
        ("json", {}, pa.array(["1e99999999999999999999", "1"]), 1),
        ("float64", {}, pa.array([1.0, float("nan")]), 2),
        ("float64", {}, pa.array([float("-inf"), 1.0]), 1),
        ("float64", {}, pa.array([1, 2**53 + 1]), 2),
    ],
)
def test_a_value_that_cannot_be_kept_costs_its_row_and_no_other(
    tmp_path: Path, kind: Kind, options: dict[str, Any], column: pa.Array, bad: int
) -> None:
    values, reasons = values_of(written(tmp_path, column), schema_of(kind, **options))
    assert list(reasons) == [bad]
    assert reasons[bad].startswith("value: ")
    assert len(values) == len(column) - 1


def test_a_row_set_aside_shows_all_its_values(tmp_path: Path) -> None:
    _, [bad] = read(
        written(tmp_path, pa.array([253_402_300_800, None], pa.timestamp("s", "UTC"))), schema_of("timestamp")
    )
    assert (bad.line, bad.raw_size_bytes) == (1, len(bad.raw))
    assert b'"value": "10000-01-01 00:00:00.000Z", "id": "000000", "at": "2026-03-01 12:00:00.000000Z"' in bad.raw


def test_text_that_is_no_utf8_costs_its_row(tmp_path: Path) -> None:
    offsets, content = pa.py_buffer(b"\0\0\0\0\1\0\0\0\2\0\0\0"), pa.py_buffer(b"a\xff")
    column = pa.Array.from_buffers(pa.string(), 2, [None, offsets, content])
    values, reasons = values_of(written(tmp_path, column), schema_of("text"))
    assert (values, list(reasons)) == (["a"], [2])


def test_null_and_the_empty_key_cost_their_rows(tmp_path: Path) -> None:
    path = tmp_path / "keys.parquet"
    at = pa.array([NOON, NOON, NOON, None], pa.timestamp("us", "UTC"))
    pq.write_table(pa.table({"id": ["a", "", None, "d"], "at": at}), path)
    records, bad = read(path, Schema("d", "s", (Column("id", "text"), Column("at", "timestamp")), "id", "at"))
    assert [record.key for record in records] == ["a"]
    assert [row.reason for row in bad] == ["id: is empty", "id: is null", "at: is null"]


@pytest.mark.parametrize(
    ("kind", "column", "said"),
    [
        ("int64", pa.array([1.0]), "value is double"),
        ("text", pa.array([b"x"]), "value is binary"),
        ("boolean", pa.array([1]), "value is int64"),
        ("decimal", pa.array([0.1]), "value is double"),
        ("timestamp", pa.array([datetime(2026, 3, 1)]), "names no time zone"),
    ],
)
def test_a_column_that_cannot_hold_its_values_exactly_fails_the_file(
    tmp_path: Path, kind: Kind, column: pa.Array, said: str
) -> None:
    with pytest.raises(ContractViolationError, match=said):
        read(written(tmp_path, column), schema_of(kind, precision=9, scale=1))


def test_columns_are_found_by_name_and_all_of_them_have_to_be_there(tmp_path: Path) -> None:
    table = pa.table({"value": ["v"], "id": ["a"], "at": pa.array([NOON], pa.timestamp("us", "UTC"))})
    path = tmp_path / "columns.parquet"
    for changed in (
        table.drop_columns("value"),
        table.append_column("more", [["x"]]),
        table.append_column("id", [["x"]]),
    ):
        pq.write_table(changed, path)
        with pytest.raises(ContractViolationError, match="its columns are"):
            read(path, schema_of("text"))


def test_int96_is_read_to_the_microsecond(tmp_path: Path) -> None:
    """What Spark and Impala wrote for years; nanoseconds would overflow in 2262."""
    late = datetime(2500, 1, 1, tzinfo=UTC)
    path = written(tmp_path, pa.array([late.replace(tzinfo=None)]), use_deprecated_int96_timestamps=True)
    schema = Schema(
        "drops",
        "things",
        (Column("id", "text"), Column("at", "timestamp", zone="UTC"), Column("value", "timestamp", zone="UTC")),
        "id",
        "at",
    )
    records, bad = read(path, schema)
    assert (records[0].data()["value"], bad) == ("2500-01-01T00:00:00.000000Z", [])


def test_from_any_row_on_the_rest_is_the_same(tmp_path: Path) -> None:
    path = written(tmp_path, pa.array(range(500)), row_group_size=70)
    whole, _ = read(path, schema_of("int64"))
    for row in (0, 1, 69, 70, 71, 350, 499, 500):
        stretches = list(read_parquet(path, schema_of("int64"), start=Mark(row=row), rows=33))
        assert [record for each in stretches for record in each.records] == whole[row:]
        assert not stretches or stretches[-1].mark == Mark(row=500)


def bombs(folder: Path) -> dict[str, Path]:
    """Small files that are large."""
    dictionary = pa.DictionaryArray.from_arrays(pa.array([0] * 200_000, pa.int32()), pa.array(["x" * 10_000]))
    nested = pa.StructArray.from_arrays([dictionary], ["inner"])
    found = {}
    for name, column in (
        ("dictionary", dictionary),
        ("nested dictionary", nested),
        ("nulls", pa.nulls(10_000_000, pa.string())),
        ("page", pa.array(["y" * 400_000_000])),
    ):
        found[name] = folder / f"{name}.parquet"
        rows = len(column)
        at = pa.repeat(pa.scalar(NOON, pa.timestamp("us", "UTC")), rows)
        pq.write_table(
            pa.table({"id": pa.repeat("1", rows), "at": at, "value": column}), found[name], compression="zstd"
        )
    return found


@pytest.mark.slow
def test_bombs_are_stopped_before_their_first_row(tmp_path: Path) -> None:
    """F14: by the rows they claim, by what they decode to, or by the memory that one page takes."""
    said = {
        "dictionary": "decodes to more than",
        "nested dictionary": "decodes to more than",
        "nulls": "10,000,000 rows",
        "page": "MiB of memory",
    }
    files = bombs(tmp_path)
    before = psutil.Process().memory_info().rss
    for name, path in files.items():
        size = path.stat().st_size
        assert size < 1_000_000, name
        kind: Kind = "json" if name.startswith("nested") else "text"
        memory = {"memory_bytes": 256 << 20}
        budget = {"budget": PLENTY} if name == "page" else {}
        stretches = read_parquet(path, schema_of(kind), **memory, **budget)  # type: ignore[arg-type]
        with pytest.raises(ContractViolationError, match=said[name]):
            next(stretches)
    grown = psutil.Process().memory_info().rss - before
    assert grown < 100 << 20


def test_what_is_no_parquet_is_said_to_be_none(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    for content in (b"", b"PAR1", b"PAR1" + bytes(100) + b"PAR1", b"id,at\n1,2\n"):
        path.write_bytes(content)
        with pytest.raises(CorruptError, match="no readable Parquet"):
            read(path, schema_of("text"))


def test_a_flipped_bit_is_found_where_the_writer_left_checksums(tmp_path: Path) -> None:
    path = written(tmp_path, pa.array(range(1_000)), compression="none", use_dictionary=False, write_page_checksum=True)
    content = bytearray(path.read_bytes())
    content[content.index((500).to_bytes(8, "little"))] ^= 4
    path.write_bytes(content)
    with pytest.raises(CorruptError):
        read(path, schema_of("int64"))


def test_the_decoder_gets_no_secrets_and_ends_when_nobody_reads_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_URL", "postgresql://secret")
    stretches = read_parquet(written(tmp_path, pa.array(range(200_000))), schema_of("int64"))
    next(stretches)
    [decoder] = [
        child for child in psutil.Process().children() if "ingestion.files.decoder" in " ".join(child.cmdline())
    ]
    if os.path.exists(f"/proc/{decoder.pid}/environ"):  # noqa: PTH110
        assert b"DB_URL" not in Path(f"/proc/{decoder.pid}/environ").read_bytes()
    stretches.close()  # type: ignore[attr-defined]
    assert not decoder.is_running()


def test_a_decoder_that_dies_fails_its_file_and_nothing_else(tmp_path: Path) -> None:
    stretches = read_parquet(written(tmp_path, pa.array(range(200_000))), schema_of("int64"))
    next(stretches)
    for child in psutil.Process().children():
        if "ingestion.files.decoder" in " ".join(child.cmdline()):
            child.kill()
    with pytest.raises(CorruptError, match="its decoder died"):
        list(stretches)


def packed_lists(count: int) -> dict[str, pa.Array]:
    """One note of 10 kB, *count* times, in lists that keep it as a dictionary."""
    notes = pa.DictionaryArray.from_arrays(pa.array([0] * count, pa.int32()), pa.array(["x" * 10_000]))
    starts, sizes = pa.array(range(count), pa.int32()), pa.array([1] * count, pa.int32())
    return {
        "fixed": pa.FixedSizeListArray.from_arrays(notes, 1),
        "view": pa.ListViewArray.from_arrays(starts, sizes, notes),
        "opaque": pa.ExtensionArray.from_storage(pa.opaque(notes.type, "note", "us"), notes),
    }


@pytest.mark.parametrize(
    ("kind", "said"), [("fixed", "decodes to more than"), ("view", "cannot be unpacked"), ("opaque", "decodes to more")]
)
def test_a_dictionary_is_no_way_around_the_budget_whatever_list_it_is_in(tmp_path: Path, kind: str, said: str) -> None:
    path = written(tmp_path, packed_lists(30_000)[kind])
    assert path.stat().st_size < 500_000
    with pytest.raises(ContractViolationError, match=said):
        read(path, schema_of("json"))


def test_lists_of_a_fixed_length_are_kept(tmp_path: Path) -> None:
    lists = pa.FixedSizeListArray.from_arrays(pa.array(["a", "b", "b", "a"]).dictionary_encode(), 2)
    assert values_of(written(tmp_path, lists), schema_of("json")) == ([["a", "b"], ["b", "a"]], {})
    assert values_of(written(tmp_path, pa.array([[1], None], pa.list_(pa.int64(), 1))), schema_of("json")) == (
        [[1], None],
        {},
    )


def test_a_column_that_is_json_by_its_own_word_is_the_json_and_no_text_of_it(tmp_path: Path) -> None:
    """DuckDB and others mark such columns; Arrow then gives a type of its own."""
    column = pa.ExtensionArray.from_storage(pa.json_(), pa.array(['{"a": [0.5]}', None, "[NaN]"]))
    path = written(tmp_path, column)
    values, reasons = values_of(path, schema_of("json"))
    assert (values, list(reasons)) == ([{"a": [0.5]}, None], [3])
    assert values_of(path, schema_of("text"))[0] == ['{"a": [0.5]}', None, "[NaN]"]


def test_rows_that_the_footer_counts_and_the_file_has_not_fail_it(tmp_path: Path) -> None:
    """A file of 24 rows that gives none would be `empty`; and a mark counts rows by what row groups say."""
    path = written(tmp_path, pa.array(range(1_000)))
    content, said = path.read_bytes(), b"\x16\xd0\x0f"  # an i64 of 1,000, as Thrift packs it
    places = [at for at in range(len(content)) if content.startswith(said, at)]
    failed = 0
    for at in places:
        path.write_bytes(content[:at] + b"\x16\xce\x0f" + content[at + 3 :])
        try:
            assert len(read(path, schema_of("int64"))[0]) == 1_000
        except CorruptError:
            failed += 1
    assert failed >= 2, "the file's own count, and its row group's"


def test_wide_rows_come_in_stretches_that_fit_into_memory(tmp_path: Path) -> None:
    texts = [f"{number:06d}" * 20_000 for number in range(400)]
    path = written(tmp_path, pa.array(texts, pa.large_string()), row_group_size=200)
    stretches = list(read_parquet(path, schema_of("text"), rows=4_000, memory_bytes=256 << 20))
    assert [record.data()["value"] for each in stretches for record in each.records] == texts
    assert max(sum(len(record.payload) for record in each.records) for each in stretches) < 9 << 20
    assert [each.mark.row for each in stretches][-1] == 400
    again = list(read_parquet(path, schema_of("text"), start=stretches[1].mark, rows=4_000))
    assert sum(len(each.records) for each in again) == 400 - stretches[1].mark.row


def test_a_row_that_is_larger_than_memory_allows_fails_the_file_before_its_first_row(tmp_path: Path) -> None:
    path = written(tmp_path, pa.array(["a"] * 99 + ["b" * (33 << 20)]))
    with pytest.raises(ContractViolationError, match="a row of it takes more than 32 MiB"):
        next(read_parquet(path, schema_of("text")))
