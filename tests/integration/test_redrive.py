"""`python -m ingestion redrive` over rows of files: what the schema was too narrow for lands once it is wide enough."""

import asyncio
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

import ingestion.drops
from ingestion.__main__ import main
from ingestion.drops import SHIPMENTS
from ingestion.files.columns import Column
from ingestion.files.delimited import read_delimited
from ingestion.files.json_lines import read_json
from ingestion.files.walled import read_parquet
from tests.drops_world import FORMATS, Drops, as_csv, as_ndjson, dropping, shipments
from tests.migrated import with_pool

MENDED = {
    "weight_kg": Column("weight_kg", "decimal", precision=12, scale=4),
    "declared_value": Column("declared_value", "decimal", nullable=True, precision=18, scale=4),
    "recipient": Column("recipient", "text", nullable=True),
}
WIDE = msgspec.structs.replace(SHIPMENTS, columns=tuple(MENDED.get(each.name, each) for each in SHIPMENTS.columns))
LETTERS = "SELECT state, attempts, reason, form FROM ingestion.dead_letters ORDER BY ordinal, id"


@pytest.fixture
def drops(stack: dict[str, str], db_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Drops]:
    with dropping(stack, db_url) as drops:
        for name, value in drops.environment.items():
            monkeypatch.setenv(name, value)
        yield drops


@pytest.fixture
def mend(monkeypatch: pytest.MonkeyPatch) -> Any:
    return lambda schema=WIDE: monkeypatch.setattr(ingestion.drops, "SHIPMENTS", schema)


def load(drops: Drops) -> int:
    async def scenario(pool: Any) -> int:
        return (await drops.ingest(pool)).rows

    return with_pool(drops.db_url, scenario)


def redrive(capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert main(["redrive"]) == 0
    return capsys.readouterr().out.splitlines()[0]


def some_bad(count: int = 40, *, first: int = 1, field: str = "recipient", value: Any = None) -> list[dict[str, Any]]:
    """Shipments of which every twentieth is refused by the schema and taken by the mended one."""
    rows = shipments(count, first=first)
    for row in rows[::20]:
        row[field] = value
    return rows


def read_wide(kind: str, content: bytes, folder: Path) -> dict[str, tuple[Any, ...]]:
    """What the file gives when its schema is right in the first place."""
    if kind == "parquet":
        (folder / "file.parquet").write_bytes(content)
        stretches = list(read_parquet(folder / "file.parquet", WIDE))
    else:
        stretches = list((read_delimited if kind == "csv" else read_json)(io.BytesIO(content), WIDE))
    assert not any(stretch.bad for stretch in stretches)
    records = [record for stretch in stretches for record in stretch.records]
    return {each.key: (each.occurred_at, each.content_hash, json.loads(each.payload)) for each in records}


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "ndjson", "parquet"])
def test_a_mended_schema_lands_what_was_parked_as_if_it_had_been_right_at_once(
    drops: Drops, mend: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path, kind: str
) -> None:
    """D3, F6: the same record to its hash, one event each; in the manifest it stays a row that was set aside."""
    rows = some_bad()
    drops.put(f"a.{kind}", FORMATS[kind](rows))
    assert load(drops) == 38
    assert redrive(capsys) == "0 landed, 2 refused again, 0 quarantined"
    mend()
    assert redrive(capsys) == "2 landed, 0 refused again, 0 quarantined"
    assert redrive(capsys) == "0 landed, 0 refused again, 0 quarantined"
    plain = kind.removesuffix(".gz")
    wanted = read_wide(plain, FORMATS[plain](rows), tmp_path)
    landed = drops.query("SELECT key, occurred_at, content_hash, payload FROM ingestion.records WHERE source = 'drops'")
    assert len(landed) == 40
    bad = {row["shipment_id"] for row in rows[::20]}
    assert {key: rest for key, *rest in landed if key in bad} == {key: list(wanted[key]) for key in bad}
    told = drops.query("SELECT aggregateid, convert_from(payload, 'UTF8')::jsonb FROM ingestion.outbox")
    assert len(told) == len({name for name, _ in told}) == 40
    assert {name: body for name, body in told if name.rpartition("/")[2] in bad} == {
        f"drops.shipments/{key}": wanted[key][2] for key in bad
    }
    assert drops.manifest()[f"a.{kind}"] == ("loaded", 40, 38, 2, 0)
    drops.check_sums()
    runs = drops.query("SELECT status, inserted FROM ingestion.runs WHERE source = 'drops' ORDER BY started_at")
    assert runs == [("succeeded", 38), ("succeeded", 2)]


def test_a_row_that_is_refused_again_stays_parked_and_says_where_it_stands(
    drops: Drops, mend: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """D4: its attempts count, as of any other letter, and after the fifth it waits for a person."""
    drops.put("a b.csv", as_csv(some_bad()))
    load(drops)
    for attempt in range(1, 5):
        assert redrive(capsys) == "0 landed, 2 refused again, 0 quarantined"
        states = drops.query(LETTERS)
        assert [(state, attempts, form) for state, attempts, _, form in states] == [("parked", attempt, "csv")] * 2
        assert states[0][2].startswith("ContractViolationError: a b.csv line 2, byte 136: recipient: null")
        assert states[1][2].startswith("ContractViolationError: a b.csv line 22, byte ")
    assert redrive(capsys) == "0 landed, 0 refused again, 2 quarantined"
    mend()
    assert redrive(capsys) == "0 landed, 0 refused again, 0 quarantined"


def test_the_same_bytes_under_two_headers_are_two_rows(
    drops: Drops, mend: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """D2: as one letter the second would be lost, and counted as a duplicate."""
    [row] = some_bad(1, field="weight_kg", value="1.2345")
    row["order_id"] = "ord_x"
    first = as_csv([row])
    names = list(SHIPMENTS.names)
    names[:2] = ["order_id", "shipment_id"]
    swapped = ",".join(names).encode() + b"\n" + first.split(b"\n", 1)[1]
    drops.put("a.csv", first)
    drops.put("b.csv", swapped)
    load(drops)
    drops.check_sums()
    assert [drops.manifest()[key][3] for key in ("a.csv", "b.csv")] == [1, 1]
    mend()
    assert redrive(capsys) == "2 landed, 0 refused again, 0 quarantined"
    assert drops.query("SELECT key FROM ingestion.records ORDER BY key") == [("00000001",), ("ord_x",)]


def test_the_same_rows_in_a_newer_file_park_nothing_new(
    drops: Drops, mend: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = some_bad()
    drops.put("a.csv", as_csv(rows))
    load(drops)
    drops.put("b.csv", as_csv(rows[::-1]))
    load(drops)
    drops.check_sums()
    assert len(drops.query(LETTERS)) == 2
    mend()
    assert redrive(capsys) == "2 landed, 0 refused again, 0 quarantined"


def test_a_row_that_was_corrected_meanwhile_is_not_set_back(
    drops: Drops, mend: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """D3: the newest version of a key wins, in whatever order versions arrive."""
    drops.put("a.ndjson", as_ndjson(some_bad(1)))
    load(drops)
    drops.put("a.ndjson", as_ndjson(shipments(1, version=1, note="corrected")))
    load(drops)
    mend()
    assert redrive(capsys) == "1 landed, 0 refused again, 0 quarantined"
    assert drops.query("SELECT payload->>'note' FROM ingestion.records") == [("corrected",)]


def test_a_row_that_is_not_kept_whole_never_lands_cut(
    drops: Drops, mend: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """D10: of two long rows that begin the same, each is a letter; the start of a row would be a row of its own."""
    rows = some_bad(2)
    for number, row in enumerate(rows):
        row.update(recipient=None, shipment_id="1", order_id="o", note=None)
        row["packed_at"] = "x" * (70_000 + number)
    names = [*SHIPMENTS.names]
    lines = [",".join("" if row[name] is None else str(row[name]) for name in names) for row in rows]
    drops.put("a.csv", "\n".join([",".join(names), *lines, ""]).encode())
    load(drops)
    sizes = drops.query("SELECT octet_length(raw), raw_size_bytes FROM ingestion.dead_letters ORDER BY raw_size_bytes")
    assert [(kept, size > kept) for kept, size in sizes] == [(1 << 16, True)] * 2
    assert drops.manifest()["a.csv"] == ("loaded", 2, 0, 2, 0)
    mend(msgspec.structs.replace(WIDE, occurred_at="packed_at"))
    assert redrive(capsys) == "0 landed, 0 refused again, 2 quarantined"
    assert drops.rows() == 0
    assert {reason.split(":")[0] for _, _, reason, _ in drops.query(LETTERS)} == {"too large to keep whole"}


def test_letters_of_a_time_before_and_hostile_ones_hold_up_nobody(
    drops: Drops, mend: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    drops.put("a.csv", as_csv(some_bad()))
    drops.put("b.parquet", FORMATS["parquet"](some_bad(first=101)))
    drops.put("c.ndjson", as_ndjson(some_bad(first=201)))
    load(drops)
    with psycopg.connect(drops.db_url) as connection:
        before = "UPDATE ingestion.dead_letters SET form = '', context = '', origin = '' WHERE raw LIKE %s"
        connection.execute(before, [b"00000001%"])
        connection.execute(
            "UPDATE ingestion.dead_letters SET context = '\\xffffffff00' WHERE raw LIKE %s", [b'%"00000101"%']
        )
        connection.execute(
            "UPDATE ingestion.dead_letters SET raw = '[]', raw_size_bytes = 2 WHERE raw LIKE %s", [b'%"00000201"%']
        )
    mend()
    assert redrive(capsys) == "3 landed, 3 refused again, 0 quarantined"
    assert drops.rows() == 117
    reasons = sorted(reason for state, _, reason, _ in drops.query(LETTERS) if state == "parked")
    assert reasons == [
        "ContractViolationError: b.parquet row 1: what was kept of the row is damaged: ArrowInvalid",
        "ContractViolationError: c.ndjson row 1: no object, but list",
        "ContractViolationError: parked without what it takes to read it again: load its file anew",
    ]


def test_what_postgres_refuses_holds_up_nobody_and_is_not_said_to_have_landed(
    drops: Drops, mend: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """More than ten in one redrive, and more than a tenth: no changed schema, only letters that belong together."""
    import random

    rng = random.Random(20260323)
    rows = shipments(2_000)
    for row in rows[::100]:
        row["recipient"] = None
    for row in rows[:1500:100]:  # longer than a page of an index can hold, and not to be packed
        row["shipment_id"] = f"{rng.getrandbits(40_000):x}"
    drops.put("a.csv", as_csv(rows))
    assert load(drops) == 1980
    mend()
    assert redrive(capsys) == "5 landed, 15 refused again, 0 quarantined"
    states = drops.query("SELECT state, form, count(*) FROM ingestion.dead_letters GROUP BY 1, 2 ORDER BY 1, 2")
    assert states == [("parked", "", 15), ("redriven", "csv", 20)]
    assert redrive(capsys) == "0 landed, 15 refused again, 0 quarantined"
    assert drops.query("SELECT DISTINCT status FROM ingestion.runs") == [("succeeded",)]


def test_redrives_at_once_land_each_row_once(drops: Drops, mend: Any) -> None:
    """D8: two commands and a run of the same rows in another file, all at the same time."""
    from ingestion.__main__ import redrive_parked
    from ingestion.console import Stop

    rows = shipments(3_000)
    for row in rows[::110]:
        row["recipient"] = None
    drops.put("a.csv", as_csv(rows))
    load(drops)
    mend()

    async def scenario(pool: Any) -> None:
        await asyncio.gather(*(redrive_parked(Stop()) for _ in range(4)))

    with_pool(drops.db_url, scenario)
    assert drops.rows() == 3_000
    assert drops.query("SELECT sum(inserted)::int FROM ingestion.runs") == [(3_000,)]
    assert drops.query("SELECT count(*) FROM ingestion.outbox") == [(3_000,)]
    drops.check_sums()


def test_letters_of_a_stream_that_nothing_reads_are_left_alone(
    drops: Drops, capsys: pytest.CaptureFixture[str]
) -> None:
    drops.put("a.csv", as_csv(shipments(1)))
    load(drops)
    with psycopg.connect(drops.db_url) as connection:
        connection.execute(
            "INSERT INTO ingestion.dead_letters (fingerprint, source, stream, raw, raw_size_bytes, reason, ordinal,"
            " schema_version, state) VALUES ('x', 'other', 'things', 'x', 1, 'no', 0, '', 'parked')"
        )
    assert main(["redrive"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "0 landed, 0 refused again, 0 quarantined",
        "not tried, for a person to look at: what is parked of other.things",
    ]
    assert drops.query(LETTERS) == [("parked", 0, "no", "")]
