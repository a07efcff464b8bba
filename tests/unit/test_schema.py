"""What is declared of a file makes sense, and each kind means the same in every format."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingestion.errors import ConfigurationError
from ingestion.files.columns import Column
from ingestion.files.delimited import read_delimited
from ingestion.files.json_lines import read_json
from ingestion.files.schema import Schema
from ingestion.files.walled import read_parquet
from ingestion.record import canonical_json
from tests.files import AT, all_of

ID, INSTANT = Column("id", "text"), Column("at", "timestamp")


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"kind": "float"}, "'float' is none of text, int64, float64"),
        ({"kind": "decimal"}, r"no decimal\(0,0\)"),
        ({"kind": "decimal", "precision": 77}, r"no decimal\(77,0\)"),
        ({"kind": "decimal", "precision": 5, "scale": 6}, r"no decimal\(5,6\)"),
        ({"kind": "decimal", "precision": 5, "scale": -1}, r"no decimal\(5,-1\)"),
        ({"kind": "timestamp", "zone": "Europe/Atlantis"}, "no time zone 'Europe/Atlantis'"),
        ({"kind": "timestamp", "zone": "../../etc/passwd"}, "no time zone"),
        ({"kind": "timestamp", "zone": "Europe"}, "no time zone"),
    ],
)
def test_a_column_that_cannot_be_is_refused(declared: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=f"column amount: .*{said}"):
        Column("amount", **declared)


@pytest.mark.parametrize("name", ["", "a\0", "two\nlines", "\ud800"])
def test_a_name_that_no_payload_can_hold_is_refused(name: str) -> None:
    """Half a surrogate pair is no UTF-8, and Postgres stores no NUL: every row of every file would fail on it."""
    with pytest.raises(ConfigurationError, match="a name is not empty, and has no control character"):
        Column(name, "text")


@pytest.mark.parametrize(
    ("columns", "key", "occurred_at", "said"),
    [
        ((ID, INSTANT, ID), "id", "at", "'id' is declared twice"),
        ((ID, INSTANT), "no", "at", "key .* 'no' is none"),
        ((ID, INSTANT), "at", "at", "key .* 'at' is none"),
        ((Column("id", "text", nullable=True), INSTANT), "id", "at", "key .* 'id' is none"),
        ((ID, INSTANT), "id", "id", "occurred_at .* 'id' is none"),
        ((ID, Column("at", "timestamp", nullable=True)), "id", "at", "occurred_at .* 'at' is none"),
        ((), "id", "at", "key .* 'id' is none"),
    ],
)
def test_a_schema_without_a_key_or_an_instant_is_refused(
    columns: tuple[Column, ...], key: str, occurred_at: str, said: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"test.things: .*{said}"):
        Schema("test", "things", columns, key, occurred_at)


MEASURED = Schema("test", "measured", (ID, INSTANT, Column("value", "float64", nullable=True)), "id", "at")


def test_a_double_is_one_payload_in_every_format(tmp_path: Path) -> None:
    values = [0.1, -0.0, 1e16, 1e-7, 1.7976931348623157e308, 5e-324, 123456789.125, 7.0, None]
    rows = [{"id": f"{n}", "at": AT, "value": value} for n, value in enumerate(values)]
    spelled = [canonical_json(row) for row in rows]
    text = ["id,at,value", *(f"{n},{AT},{'' if value is None else repr(value)}" for n, value in enumerate(values))]
    from_csv, bad_csv, _ = all_of(read_delimited, "\n".join(text).encode(), MEASURED)
    from_json, bad_json, _ = all_of(read_json, "\n".join(map(json.dumps, rows)).encode(), MEASURED)
    path = tmp_path / "measured.parquet"
    pq.write_table(pa.Table.from_pylist(rows).set_column(1, "at", _instants(len(rows))), path)
    from_parquet = [record for each in read_parquet(path, MEASURED) for record in each.records]
    for records in (from_csv, from_json, from_parquet):
        assert [record.payload for record in records] == spelled
    assert bad_csv == bad_json == []


def _instants(count: int) -> pa.Array:
    return pa.array([AT[:-1]] * count).cast(pa.timestamp("us")).cast(pa.timestamp("us", "UTC"))


@pytest.mark.parametrize(
    "text", ["nan", "Infinity", "1e400", "1e999999999", "0.1000000000000000055", ".5", "1,5", "+1", "0x1"]
)
def test_what_no_double_holds_is_set_aside(text: str) -> None:
    records, bad, _ = all_of(read_delimited, f'id,at,value\na,{AT},"{text}"\nb,{AT},1\n'.encode(), MEASURED)
    assert [record.key for record in records] == ["b"]
    assert [each.line for each in bad] == [2]
    assert bad[0].reason.startswith("value: ")
