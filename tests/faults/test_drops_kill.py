"""The drops, killed, cut off and overwritten: whatever happens when, every row of a file counts once."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ResponseStreamingError

from ingestion.errors import PermanentError, TransientError
from ingestion.store.database import Pool
from ingestion.store.watermarks import lock_id
from tests.drops_world import FORMATS, Drops, as_csv, as_ndjson, dropping, shipments
from tests.migrated import with_pool


@pytest.fixture
def drops(stack: dict[str, str], db_url: str) -> Iterator[Drops]:
    with dropping(stack, db_url) as drops:
        yield drops


def progress(drops: Drops) -> int:
    """How many rows of files have been read and landed, or set aside."""
    if drops.query("SELECT to_regclass('ingestion.manifest')") == [(None,)]:
        return 0
    return int(drops.query("SELECT coalesce(sum(rows_read), 0) FROM ingestion.manifest")[0][0])


def kill_beyond(drops: Drops, rows: int, wait_s: float = 0.0) -> bool:
    """Start a run and kill it once so many rows are done, and a moment later; False if it ended before."""
    with drops.start() as process:
        deadline_s = time.monotonic() + 120
        while progress(drops) <= rows and process.poll() is None:
            assert time.monotonic() < deadline_s, "the run did not get that far"
            time.sleep(0.002)
        time.sleep(wait_s)
        process.kill()
        process.communicate()
        return process.returncode == -signal.SIGKILL


def check_whole(drops: Drops, key: str, rows: int, bad: int = 0) -> None:
    """Every row is there once, and the manifest knows of each: none was read twice."""
    assert drops.manifest()[key] == ("loaded", rows, rows - bad, bad, 0)
    assert drops.rows() == rows - bad
    events = drops.query("SELECT count(*), count(DISTINCT aggregateid) FROM ingestion.outbox")
    assert events == [(rows - bad, rows - bad)]
    drops.check_sums()


@pytest.mark.slow
def test_killed_at_twenty_points_of_a_file_its_rows_are_its_rows(drops: Drops) -> None:
    """F1: one after the other, each within the file, between two commits or in the middle of one."""
    moments = random.Random(20260323)
    rows = shipments(100_000)
    for row in rows[::1_000]:
        row["quantity"] = "many"
    drops.put("a.csv", as_csv(rows))
    killed = 0
    for point in range(20):
        killed += kill_beyond(drops, point * 3_500, moments.uniform(0, 0.03))
    assert killed == 20
    assert 0 < drops.rows() < 99_900
    status, _, errors = drops.run()
    assert status == 0, errors
    check_whole(drops, "a.csv", 100_000, bad=100)
    assert drops.run()[1].startswith("0 records ingested from 0 files\n")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["csv.gz", "ndjson", "parquet"])
def test_killed_in_the_middle_every_format_goes_on_where_it_was(drops: Drops, kind: str) -> None:
    """F1."""
    drops.put(f"a.{kind}", FORMATS[kind](shipments(60_000)))
    killed = sum(kill_beyond(drops, rows) for rows in (0, 15_000, 30_000))
    assert killed == 3
    status, _, errors = drops.run()
    assert status == 0, errors
    check_whole(drops, f"a.{kind}", 60_000)


def test_stopped_politely_it_ends_after_the_batch_in_hand(drops: Drops) -> None:
    drops.put("a.ndjson", as_ndjson(shipments(100_000)))
    with drops.start() as process:
        while progress(drops) == 0 and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 143, errors
    assert "Traceback" not in errors
    state, read, loaded, _, _ = drops.manifest()["a.ndjson"]
    assert (state, read) == ("claimed", loaded)
    assert output.startswith(f"{loaded} records ingested from 0 files\n")
    assert 0 < loaded < 100_000
    drops.check_sums()


class Breaking:
    """A client of S3 whose answers break off: after so many bytes each *happens* is called, then the connection ends."""

    def __init__(self, client: Any, *happens: tuple[int, Callable[[], object]], quietly: bool = False) -> None:
        self._client = client
        self._happens = list(happens)
        self._quietly = quietly
        self.asked: list[dict[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def get_object(self, **question: Any) -> dict[str, Any]:
        self.asked.append(question)
        answer: dict[str, Any] = self._client.get_object(**question)
        if self._happens:
            answer["Body"] = _Body(answer["Body"], *self._happens.pop(0), quietly=self._quietly)
        return answer


class _Body:
    def __init__(self, body: Any, left: int, happens: Callable[[], object], *, quietly: bool) -> None:
        self._body, self._left, self._happens, self._quietly = body, left, happens, quietly

    def read(self, size: int) -> bytes:
        if self._left <= 0:
            self._happens()
            if self._quietly:
                return b""
            raise ResponseStreamingError(error="reset")
        piece: bytes = self._body.read(min(size, self._left))
        self._left -= len(piece)
        return piece

    def close(self) -> None:
        self._body.close()


def load(drops: Drops, client: Any) -> int:
    async def scenario(pool: Pool) -> int:
        return (await drops.ingest(pool, client=client)).rows

    return with_pool(drops.db_url, scenario)


@pytest.mark.parametrize("quietly", [False, True], ids=["with an error", "as if it were the end"])
@pytest.mark.parametrize("kind", FORMATS)
def test_a_connection_that_breaks_is_taken_up_where_it_broke(drops: Drops, kind: str, quietly: bool) -> None:
    content = FORMATS[kind](shipments(3_000))
    drops.put(f"a.{kind}", content)
    client = Breaking(
        drops.client, *[(len(content) // 4, lambda: None), (0, lambda: None), (7, lambda: None)], quietly=quietly
    )
    assert load(drops, client) == 3_000
    check_whole(drops, f"a.{kind}", 3_000)
    assert len({question["IfMatch"] for question in client.asked}) == 1
    assert any("Range" in question for question in client.asked)


def test_s3_that_stays_away_ends_the_run_and_costs_nothing(drops: Drops) -> None:
    """What was read before lands, the file is given back, and the next run goes on inside it."""
    content = as_csv(shipments(20_000))
    drops.put("a.csv", content)
    for _ in range(6):  # more often than a file may fell a worker
        client = Breaking(drops.client, (len(content) // 2, lambda: None), *[(0, lambda: None)] * 20)
        with pytest.raises(TransientError, match="S3 breaks off at byte"):
            load(drops, client)
    assert drops.manifest()["a.csv"][0] == "discovered"
    assert 0 < drops.rows() < 20_000
    load(drops, drops.client)
    check_whole(drops, "a.csv", 20_000)


@pytest.mark.parametrize("kind", FORMATS)
def test_overwritten_while_it_is_read_no_bytes_are_mixed(drops: Drops, kind: str) -> None:
    """F4: the connection breaks half-way, the file is another by then: 412, and from the start."""
    old, new = shipments(8_000, note="old"), shipments(9_000, version=1, note="new")
    content = FORMATS[kind](old)
    drops.put(f"a.{kind}", content)
    client = Breaking(drops.client, (len(content) // 2, lambda: drops.put(f"a.{kind}", FORMATS[kind](new))))
    load(drops, client)
    assert drops.rows() == 9_000
    assert drops.query("SELECT DISTINCT payload->>'note' FROM ingestion.records") == [("new",)]
    states = drops.query("SELECT state, rows_read FROM ingestion.manifest ORDER BY uploaded_at, token")
    assert [state for state, _ in states] == ["superseded", "loaded"]
    assert states[1][1] == 9_000
    drops.check_sums()


def test_overwritten_between_a_kill_and_the_next_run_it_begins_anew(drops: Drops) -> None:
    """F4: a mark is a place in one version."""
    drops.put("a.csv", as_csv(shipments(60_000, note="old")))
    assert kill_beyond(drops, 10_000)
    drops.put("a.csv", as_csv(shipments(5_000, version=1, note="new")))
    status, _, errors = drops.run()
    assert status == 0, errors
    assert drops.manifest()["a.csv"] == ("loaded", 5_000, 5_000, 0, 0)
    newer = drops.query("SELECT count(*) FROM ingestion.records WHERE payload->>'note' = 'new'")
    assert newer == [(5_000,)]
    drops.check_sums()


def test_deleted_while_it_waits_it_is_passed_over(drops: Drops) -> None:
    drops.put("a.csv", as_csv(shipments(60_000)))
    assert kill_beyond(drops, 10_000)
    drops.client.delete_object(Bucket=drops.bucket, Key="a.csv")
    drops.put("b.csv", as_csv(shipments(3, first=70_000)))
    status, _, errors = drops.run()
    assert status == 0, errors
    assert drops.manifest()["a.csv"][0] == "superseded"
    assert drops.manifest()["b.csv"] == ("loaded", 3, 3, 0, 0)


def test_a_second_run_refuses_while_another_one_holds_the_stream(drops: Drops) -> None:
    with psycopg.connect(drops.db_url, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [lock_id("drops", "shipments")])
        status, _, errors = drops.run()
    assert status == 75
    assert "drops.shipments is being read by" in errors.splitlines()[-1]


REDRIVE = """
import sys
import msgspec
import ingestion.drops
from ingestion.__main__ import main
from ingestion.files.columns import Column

narrow = ingestion.drops.SHIPMENTS
wide = [Column("recipient", "text", nullable=True) if column.name == "recipient" else column for column in narrow.columns]
ingestion.drops.SHIPMENTS = msgspec.structs.replace(narrow, columns=tuple(wide))
sys.exit(main(["redrive"]))
"""


def test_a_redrive_that_is_killed_leaves_everything_as_it_was(drops: Drops) -> None:
    """D3: killed while it lands, in front of its last row; the next one lands each row once."""
    rows = shipments(300)
    for row in rows[::40]:
        row["recipient"] = None
    drops.put("a.csv", as_csv(rows))
    assert drops.run()[0] == 0
    before = drops.query("SELECT id, state, attempts, reason FROM ingestion.dead_letters ORDER BY id")
    assert [(state, attempts) for _, state, attempts, _ in before] == [("parked", 0)] * 8
    line = [sys.executable, "-c", REDRIVE]
    with psycopg.connect(drops.db_url) as other:
        # Whoever inserts the same key waits for us: so it is killed with all but this row written.
        other.execute(
            "INSERT INTO ingestion.records (source, stream, key, payload, occurred_at, content_hash)"
            " VALUES ('drops', 'shipments', %s, '{}', now(), '')",
            [rows[280]["shipment_id"]],
        )
        with subprocess.Popen(line, env=drops.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'transactionid'"
            deadline_s = time.monotonic() + 60
            while drops.query(waits) == [(0,)]:
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < deadline_s, "the redrive did not get that far"
                time.sleep(0.01)
            process.kill()
            process.communicate()
        other.rollback()
    assert drops.query("SELECT id, state, attempts, reason FROM ingestion.dead_letters ORDER BY id") == before
    assert drops.rows() == 292
    done = subprocess.run(line, env=drops.environment, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "8 landed, 0 refused again, 0 quarantined\n"
    assert drops.rows() == 300
    assert drops.query("SELECT count(*), count(DISTINCT aggregateid) FROM ingestion.outbox") == [(300, 300)]
    assert drops.manifest()["a.csv"] == ("loaded", 300, 292, 8, 0)
    drops.check_sums()


class Careless:
    """An S3 of another make: it reads past the conditions that it does not know, and answers with what it has."""

    def __init__(self, client: Any, *ignores: str) -> None:
        self._client = client
        self._ignores = ignores

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def get_object(self, **question: Any) -> dict[str, Any]:
        asked = {name: value for name, value in question.items() if name not in self._ignores}
        answer: dict[str, Any] = self._client.get_object(**asked)
        return answer


def test_an_s3_that_knows_no_conditions_mixes_nothing_either(drops: Drops) -> None:
    """F4: the version that comes is looked at, as well as asked for."""
    old, new = as_csv(shipments(8_000, note="old")), as_csv(shipments(9_000, version=1, note="new"))
    drops.put("a.csv", old)
    client = Breaking(Careless(drops.client, "IfMatch"), (len(old) // 2, lambda: drops.put("a.csv", new)))
    load(drops, client)
    assert drops.query("SELECT DISTINCT payload->>'note' FROM ingestion.records") == [("new",)]
    assert drops.query("SELECT state FROM ingestion.manifest ORDER BY token") == [("superseded",), ("loaded",)]
    drops.check_sums()


def test_an_s3_that_knows_no_ranges_is_not_taken_at_its_word(drops: Drops) -> None:
    """Sent from its start again, a file would go on with its first bytes in the middle of a row."""
    content = as_csv(shipments(8_000))
    drops.put("a.csv", content)
    client = Breaking(Careless(drops.client, "Range"), (len(content) // 2, lambda: None))
    with pytest.raises(PermanentError, match="sends other bytes"):
        load(drops, client)
    assert drops.manifest()["a.csv"][0] == "discovered"
    load(drops, drops.client)
    check_whole(drops, "a.csv", 8_000)
