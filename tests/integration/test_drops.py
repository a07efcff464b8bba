"""The drops, from the bucket into the table: every row once, and what a file that cannot be loaded leaves behind."""

import base64
import gzip
import io
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.httpchecksum import Crc32Checksum, StreamingChecksumBody

from ingestion.errors import ConfigurationError, TransientError
from ingestion.files.bucket import Bucket
from ingestion.files.manifest import claim_file
from ingestion.files.parsed import ErrorBudget
from ingestion.store.database import Pool
from tests.drops_world import FORMATS, Drops, as_csv, as_ndjson, as_parquet, dropping, shipments
from tests.migrated import with_pool
from workbook.arrivals import drop_files

DATA = Path(__file__).resolve().parents[2] / "data" / "s3"


@pytest.fixture
def drops(stack: dict[str, str], db_url: str) -> Iterator[Drops]:
    with dropping(stack, db_url) as drops:
        yield drops


def load(drops: Drops, **options: Any) -> int:
    """Run once within this process, check the sums of the manifest, and say how many rows are new."""

    async def scenario(pool: Pool) -> int:
        return (await drops.ingest(pool, **options)).rows

    rows = with_pool(drops.db_url, scenario)
    drops.check_sums()
    return rows


def test_the_nine_files_are_800_records_and_nothing_is_new_the_second_time(drops: Drops) -> None:
    """F2, F6, F9, F16: keys with a space and a plus, gzip, NDJSON, a byte order mark, columns in reverse."""
    assert drop_files(drops.environment, drops.bucket) == 9
    status, output, errors = drops.run()
    assert (status, output.splitlines()[0]) == (0, "800 records ingested from 9 files"), errors
    assert drops.rows() == 800
    status, output, errors = drops.run()
    assert (status, output.splitlines()[0]) == (0, "0 records ingested from 0 files"), errors
    assert output.splitlines()[1].startswith("0 new")
    drops.check_sums()
    assert {state for state, *_ in drops.manifest().values()} == {"loaded"}


def test_all_four_formats_give_the_same_800_records(drops: Drops) -> None:
    """The same payload to the byte: what came first stays, and every other file is 800 duplicates."""
    files = {
        "a.parquet": (DATA / "formats" / "shipments.parquet").read_bytes(),
        "b.json": (DATA / "formats" / "shipments.json").read_bytes(),
    }
    for key, content in files.items():
        drops.put(key, content)
    assert load(drops) == 800
    drop_files(drops.environment, drops.bucket)
    assert load(drops) == 0
    manifest = drops.manifest()
    assert sum(loaded for _, _, loaded, _, _ in manifest.values()) == 800
    assert sum(duplicate for *_, duplicate in manifest.values()) == 1600
    assert sum(quarantined for _, _, _, quarantined, _ in manifest.values()) == 0


@pytest.mark.parametrize(
    "key",
    ["a b.csv", "north + south.csv", "50%.csv", "%2B.csv", "日本/東京.csv", "ünï/e\u0301.csv", "a//b.csv", "😀.csv"],
)
def test_a_key_is_found_however_it_is_spelled(drops: Drops, key: str) -> None:
    """F16."""
    drops.put(key, as_csv(shipments(3)))
    drops.put("folder/", b"")
    assert load(drops) == 3
    assert drops.manifest() == {key: ("loaded", 3, 3, 0, 0)}


def test_a_file_that_is_empty_is_told_from_one_that_has_rows(drops: Drops) -> None:
    """F5."""
    drops.put("zero.csv", b"")
    drops.put("header.csv", as_csv([]))
    drops.put("zero.ndjson", b"")
    drops.put("zero.csv.gz", gzip.compress(b""))
    drops.put("none.parquet", as_parquet([]))
    assert load(drops) == 0
    assert {state for state, *_ in drops.manifest().values()} == {"empty"}


@pytest.mark.parametrize(
    ("key", "content"),
    [
        ("cut.csv.gz", FORMATS["csv.gz"](shipments(5_000))[:-9]),
        ("cut in the middle.csv.gz", FORMATS["csv.gz"](shipments(5_000))[:20_000]),
        ("junk.csv.gz", FORMATS["csv.gz"](shipments(5_000)) + b"junk"),
        ("cut.parquet", as_parquet(shipments(5_000))[:-100]),
        ("unknown.xlsx", b"PK"),
        ("header.csv", b"shipment_id,order_id\n1,2\n"),
        ("none.parquet", b""),
    ],
)
def test_of_a_file_that_is_damaged_nothing_is_visible_and_the_others_land(
    drops: Drops, key: str, content: bytes
) -> None:
    """F10, F12: also when the damage is at the end of 5,000 rows."""
    drops.put(key, content)
    drops.put("z.csv", as_csv(shipments(2, first=90_000_001)))
    status, output, errors = drops.run()
    assert drops.rows() == 2
    manifest = drops.manifest()
    assert manifest[key] == ("failed", 0, 0, 0, 0)
    assert manifest["z.csv"][0] == "loaded"
    assert status == 65
    assert output.startswith("2 records ingested from 1 file\n")
    assert errors.splitlines()[-1].startswith(f"error: 1 file failed. {key}: ")
    assert "Traceback" not in errors


def test_damage_in_the_middle_of_a_parquet_file_is_found_before_its_first_row(drops: Drops) -> None:
    """F10, F14: two pages are damaged, far behind the first row group."""
    content = bytearray(as_parquet(shipments(5_000)))
    content[len(content) // 2 : len(content) // 2 + 64] = bytes(64)
    drops.put("a.parquet", bytes(content))
    assert load(drops) == 0
    assert drops.manifest()["a.parquet"] == ("failed", 0, 0, 0, 0)


def test_too_many_bad_rows_fail_the_file_and_not_the_run(drops: Drops) -> None:
    """F15: a hundredth may be bad, and ten in any case."""
    rows = shipments(1_000)
    for row in rows[:11]:
        row["quantity"] = "many"
    drops.put("bad.csv", as_csv(rows))
    drops.put("fair.csv", as_csv(rows[1:]))
    drops.put("good.ndjson", as_ndjson(shipments(5, first=5_001)))
    assert load(drops) == 989 + 5
    manifest = drops.manifest()
    assert manifest["bad.csv"] == ("failed", 0, 0, 0, 0)
    assert manifest["fair.csv"] == ("loaded", 999, 989, 10, 0)
    reason = drops.query("SELECT reason FROM ingestion.manifest WHERE key = 'bad.csv'")[0][0]
    assert "11 of the first 1000 rows are bad" in reason
    assert "bad.csv line 2, byte" in reason
    letters = drops.query("SELECT reason, ordinal, raw FROM ingestion.dead_letters ORDER BY ordinal LIMIT 1")
    assert letters[0][0].startswith("fair.csv line 2, byte 136: quantity")
    assert bytes(letters[0][2]) == as_csv(rows).splitlines()[2]


def test_the_budget_counts_over_the_whole_file(drops: Drops) -> None:
    """F15: a batch that is bad throughout may be a small part of a large file, and then it is parked."""
    rows = shipments(30_000)
    for row in rows[-250:]:
        row["weight_kg"] = "1.2345"
    drops.put("a.csv", as_csv(rows))
    assert load(drops) == 29_750
    assert drops.manifest()["a.csv"] == ("loaded", 30_000, 29_750, 250, 0)


def test_a_new_version_of_a_file_is_loaded_and_an_old_one_is_not_loaded_again(drops: Drops) -> None:
    """F3: the rows of the newer version win."""
    drops.put("a.csv", as_csv(shipments(10)))
    assert load(drops) == 10
    drops.put("a.csv", as_csv(shipments(10, version=1)))
    assert load(drops) == 10
    assert load(drops) == 0
    assert [len(drops.query("SELECT 1 FROM ingestion.manifest WHERE state = 'loaded'"))] == [2]


def test_a_version_that_comes_back_before_it_was_loaded_is_loaded(drops: Drops) -> None:
    """Replaced while a run was ahead of it, and put back as it was: its etag is known, its rows are not."""
    first, second = as_csv(shipments(10)), as_csv(shipments(3, first=50))
    drops.put("a.csv", first)
    client = Overwritten(drops, "a.csv", second)
    assert load(drops, client=client) == 3
    assert [len(drops.query("SELECT 1 FROM ingestion.manifest WHERE state = 'superseded'"))] == [1]
    drops.put("a.csv", first)
    assert load(drops) == 10
    assert load(drops) == 0


class Overwritten:
    """S3, where a file is overwritten between the listing and the first read."""

    def __init__(self, drops: Drops, key: str, content: bytes) -> None:
        self._drops, self._left = drops, [(key, content)]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._drops.client, name)

    def get_object(self, **question: Any) -> Any:
        while self._left:
            self._drops.put(*self._left.pop())
        return self._drops.client.get_object(**question)


def test_a_file_in_the_archive_fails_and_stops_no_other(drops: Drops) -> None:
    """S3 answers 403 to it as to wrong credentials, and would answer so to every run."""
    drops.client.put_object(Bucket=drops.bucket, Key="a.csv", Body=as_csv(shipments(3)), StorageClass="GLACIER")
    drops.put("b.csv", as_csv(shipments(2, first=50)))
    assert load(drops) == 2
    assert drops.manifest()["a.csv"] == ("failed", 0, 0, 0, 0)
    [(reason,)] = drops.query("SELECT reason FROM ingestion.manifest WHERE key = 'a.csv'")
    assert "archive: restore it, then run python -m ingestion redrive" in reason


@pytest.mark.parametrize("kind", FORMATS)
def test_bytes_that_do_not_give_the_checksum_s3_has_of_them_fail_the_file(drops: Drops, kind: str) -> None:
    """The last read finds out: it may not pass for the end of the file."""

    class Damaged(Overwritten):
        def get_object(self, **question: Any) -> Any:
            answer = self._drops.client.get_object(**question)
            content = answer["Body"].read()
            checked = base64.b64encode(zlib.crc32(content + b"x").to_bytes(4)).decode()
            return answer | {"Body": StreamingChecksumBody(io.BytesIO(content), len(content), Crc32Checksum(), checked)}

    drops.put(f"a.{kind}", FORMATS[kind](shipments(500)))
    load(drops, client=Damaged(drops, "", b""))
    assert drops.manifest()[f"a.{kind}"][0] == "failed"
    assert drops.rows() == 0
    [(reason,)] = drops.query("SELECT reason FROM ingestion.manifest")
    assert "its bytes do not give the checksum" in reason


def test_a_file_that_takes_longer_than_a_lease_is_not_taken_twice(
    drops: Drops, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read through once before its first row, a large packed file is silent for minutes. No one else may claim here."""
    leases = []

    class Slow(Overwritten):
        def get_object(self, **question: Any) -> Any:
            time.sleep(0.1)
            return self._drops.client.get_object(**question)

    async def claimed(pool: Pool, bucket: str, *, lease_s: float = 60.0) -> Any:
        leases.append(lease_s)
        return await claim_file(pool, bucket, lease_s=lease_s / 1_000)

    monkeypatch.setattr("ingestion.files.ingester.claim_file", claimed)
    drops.put("a.csv.gz", FORMATS["csv.gz"](shipments(5_000))[:-9])
    drops.put("b.csv", as_csv(shipments(5, first=90_000)))
    assert load(drops, client=Slow(drops, "", b"")) == 5
    assert min(leases) >= 3_600
    assert drops.manifest()["a.csv.gz"] == ("failed", 0, 0, 0, 0)
    [(attempts,)] = drops.query("SELECT attempts FROM ingestion.manifest WHERE key = 'a.csv.gz'")
    assert attempts == 1


def test_in_a_bucket_with_versions_the_version_is_pinned(drops: Drops) -> None:
    drops.client.put_bucket_versioning(Bucket=drops.bucket, VersioningConfiguration={"Status": "Enabled"})
    drops.put("a.csv", as_csv(shipments(10)))
    drops.put("a.csv", as_csv(shipments(12)))
    drops.put("gone.csv", as_csv(shipments(9)))
    drops.client.delete_object(Bucket=drops.bucket, Key="gone.csv")
    assert load(drops) == 12
    [(version,)] = drops.query("SELECT version FROM ingestion.manifest")
    assert drops.client.head_object(Bucket=drops.bucket, Key="a.csv", VersionId=version)["ContentLength"] > 0


def test_a_bucket_that_is_not_there_is_a_matter_of_settings(drops: Drops) -> None:
    status, _, errors = _run_elsewhere(drops, DROPS_BUCKET="no-such-bucket-here")
    assert status == 78
    assert errors.splitlines()[-1].startswith("error: there is no bucket at s3://no-such-bucket-here")


def test_s3_that_is_away_costs_one_line(drops: Drops) -> None:
    status, _, errors = _run_elsewhere(drops, AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert status == 69
    assert errors.splitlines()[-1].startswith("error: S3 is not available: EndpointConnectionError")
    assert "Traceback" not in errors


def _run_elsewhere(drops: Drops, **settings: str) -> tuple[int, str, str]:
    kept, drops.environment = drops.environment, drops.environment | settings
    try:
        return drops.run()
    finally:
        drops.environment = kept


def test_a_failed_file_is_loaded_once_its_cause_is_gone(drops: Drops) -> None:
    """`redrive` puts it back in line; its rows count once."""
    rows = shipments(20_000)
    for row in rows[15_000:15_400]:
        row["quantity"] = "many"
    drops.put("a.csv", as_csv(rows))
    assert 0 < load(drops) < 15_000
    before = drops.rows()
    assert before == drops.manifest()["a.csv"][2]
    import asyncio

    from ingestion.files.outcomes import retry_failed
    from ingestion.store.database import open_pool, transaction

    async def retry() -> int:
        async with open_pool(drops.db_url) as pool, transaction(pool) as connection:
            return await retry_failed(connection, drops.bucket)

    assert asyncio.run(retry()) == 1
    assert load(drops, budget=ErrorBudget(share=0.5)) == 20_000 - 400 - before
    assert drops.manifest()["a.csv"] == ("loaded", 20_000, 19_600, 400, 0)


Broken = Callable[..., Any]


def test_what_s3_refuses_is_said_in_the_package_s_own_terms(drops: Drops) -> None:
    from botocore.exceptions import ClientError, ReadTimeoutError

    class Refusing:
        def __init__(self, error: Exception) -> None:
            self._error = error

        def get_bucket_versioning(self, **_: object) -> object:
            raise self._error

    def client_error(status: int, code: str) -> ClientError:
        return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "x")

    for error, expected in (
        (client_error(403, "AccessDenied"), ConfigurationError),
        (client_error(500, "InternalError"), TransientError),
        (client_error(503, "SlowDown"), TransientError),
        (ReadTimeoutError(endpoint_url="x"), TransientError),
    ):
        with pytest.raises(expected):
            Bucket(Refusing(error), drops.bucket).drops()
