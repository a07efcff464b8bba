"""The manifest: each version of each file is loaded once, whoever is told of it, and however often."""

import asyncio
import json
import random
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from ingestion.errors import ContractViolationError
from ingestion.files.manifest import (
    FileClaim,
    FilePosition,
    Policy,
    StaleFileError,
    claim_file,
    drops_in,
    end_leases,
    fail,
    give_back,
    register,
    supersede,
)
from ingestion.files.notification import Drop
from ingestion.files.parsed import Mark
from ingestion.landing import land
from ingestion.record import Batch, Record, Reject
from ingestion.store.database import Pool, transaction
from ingestion.store.run_ledger import Landed, Run
from tests.migrated import NOON, order, rows, value, with_pool

RUN = Run.start("drops", "shipments", now=lambda: NOON)
BUCKET = "drops"


def drop(key: str, version: str = "v1", *, minute: int = 0) -> Drop:
    return Drop(BUCKET, key, version, 100, NOON + timedelta(minutes=minute))


def notification(*entries: tuple[str, str], event: str = "ObjectCreated:Put", **fields: Any) -> bytes:
    records = [
        {
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "eventTime": "2026-11-23T12:00:00.000Z",
            "eventName": event,
            "s3": {
                "bucket": {"name": bucket},
                "object": {"key": key, "size": 10, "eTag": "e1", "sequencer": "00"} | fields,
            },
        }
        for bucket, key in entries
    ]
    return json.dumps({"Records": records}).encode()


async def states(pool: Pool) -> dict[str, str]:
    return {
        f"{key} {version}": state
        for key, version, state in await rows(pool, "SELECT key, version, state FROM ingestion.manifest")
    }


async def claimed(pool: Pool, **options: Any) -> FileClaim:
    claim = await claim_file(pool, BUCKET, **options)
    assert claim is not None
    return claim


def records(*numbers: int) -> tuple[Record, ...]:
    return tuple(order(number) for number in numbers)


@pytest.mark.parametrize(
    ("told", "key"),
    [
        ("2026-03-04/north+%2B+south.csv", "2026-03-04/north + south.csv"),
        ("a/%E6%9D%B1%E4%BA%AC.csv", "a/東京.csv"),
        ("a%2Bb%25.csv", "a+b%.csv"),
        ("a..b/c...csv", "a..b/c...csv"),
        ("plain.csv", "plain.csv"),
    ],
)
def test_a_key_is_found_as_it_is_called(told: str, key: str) -> None:
    [found] = drops_in(notification((BUCKET, told)), bucket=BUCKET).drops
    assert (found.key, found.version, found.size_bytes, found.uploaded_at) == (key, "e1", 10, NOON)


@pytest.mark.parametrize(
    "told",
    [
        "../other/a.csv",
        "a/../../b.csv",
        "/etc/passwd",
        "a/%2E%2E/b",
        "%2Fabs",
        "a/./b",
        "a%00b",
        "a%0Ab",
        "a%5Cb",
        "..",
        "",
        "%FF",
        "a%7F",
    ],
)
def test_a_key_that_no_drop_has_is_refused(told: str) -> None:
    found = drops_in(notification((BUCKET, told), (BUCKET, "good.csv")), bucket=BUCKET)
    assert [drop.key for drop in found.drops] == ["good.csv"]
    assert len(found.refused) == 1


def test_another_bucket_and_a_nameless_version_are_refused() -> None:
    found = drops_in(notification(("drops-of-another", "a.csv"), ("DROPS", "a.csv")), bucket=BUCKET)
    assert (found.drops, len(found.refused)) == ((), 2)
    assert len(drops_in(notification((BUCKET, "a.csv"), eTag=""), bucket=BUCKET).refused) == 1


def test_only_creations_count_and_version_ids_come_before_etags() -> None:
    assert drops_in(notification((BUCKET, "a.csv"), event="ObjectRemoved:Delete"), bucket=BUCKET).drops == ()
    for event in ("s3:ObjectCreated:Copy", "ObjectCreated:CompleteMultipartUpload"):
        [found] = drops_in(notification((BUCKET, "a.csv"), event=event, versionId="v9"), bucket=BUCKET).drops
        assert found.version == "v9"
    assert drops_in(b'{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"drops"}', bucket=BUCKET).drops == ()


@pytest.mark.parametrize("version", [None, "", "null"])
def test_a_version_that_is_overwritten_is_told_by_its_etag(version: str | None) -> None:
    """`null` is the id of whatever was written last while the bucket kept no versions: pinning it pins nothing."""
    [found] = drops_in(notification((BUCKET, "a.csv"), versionId=version), bucket=BUCKET).drops
    assert found.version == "e1"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[]",
        b'{"Records":[{}]}',
        b"{}",
        b'{"Records":null}',
        b'{"Event":"ObjectCreated:Put"}',
        b'{"Type":"Notification","Message":"{\\"Records\\":[]}"}',  # as SNS delivers it
        b'{"Messages":[{"Body":"{\\"Records\\":[]}"}]}',  # as SQS does
        b'{"version":"0","source":"aws.s3","detail-type":"Object Created","detail":{"object":{"key":"a.csv"}}}',
        b'{"Records":' + b"[" * 9999,
        b'{"Records":[{"eventName":"x","eventTime":"2026-01-01T00:00:00","s3":{}}]}',
    ],
)
def test_what_is_no_notification_is_refused_whole(body: bytes) -> None:
    with pytest.raises(ContractViolationError):
        drops_in(body, bucket=BUCKET)


def test_told_five_times_out_of_order_by_two_workers_it_is_one_row(db_url: str) -> None:
    async def scenario(pool: Pool) -> None:
        told = [drop(f"{number}.csv", f"v{version}", minute=version) for number in range(8) for version in (1, 2)] * 5
        draw = random.Random(7)
        draw.shuffle(told)
        half = len(told) // 2
        counts = await asyncio.gather(
            *(register(pool, told[start : start + 4], policy=Policy.APPEND) for start in range(0, half, 4)),
            *(register(pool, told[start : start + 4], policy=Policy.APPEND) for start in range(half, len(told), 4)),
        )
        assert sum(counts) == 16
        assert Counter((await states(pool)).values()) == {"discovered": 16}
        claim = await claimed(pool)
        await fail(pool, claim, "broken")
        assert await register(pool, told, policy=Policy.APPEND) == 0
        assert Counter((await states(pool)).values()) == {"discovered": 15, "failed": 1}

    with_pool(db_url, scenario)


@pytest.mark.parametrize("policy", [Policy.REPLACE, Policy.APPEND])
def test_bytes_that_come_back_before_they_were_loaded_are_a_file_again(db_url: str, policy: Policy) -> None:
    """Put, replaced or deleted, and put back: the same etag, and nobody has loaded its rows."""

    async def scenario(pool: Pool) -> None:
        await register(pool, [drop("a.csv", "v1")], policy=policy)
        claim = await claimed(pool)
        await land(pool, Batch(records(1), FilePosition(claim, Mark(9, 1, 2))), RUN)
        await supersede(pool, claim)
        told = [drop("a.csv", "v1"), drop("a.csv", "v2", minute=1), drop("a.csv", "v1", minute=2)]
        assert await register(pool, told[:2], policy=policy) == 1
        assert (await states(pool))["a.csv v1"] == "superseded", "told of once more, and not uploaded once more"
        assert await register(pool, told, policy=policy) == 1
        assert await register(pool, told, policy=policy) == 0
        expected = "superseded" if policy is Policy.REPLACE else "discovered"
        assert await states(pool) == {"a.csv v1": "discovered", "a.csv v2": expected}
        if policy is Policy.APPEND:
            await supersede(pool, await claimed(pool))
        back = await claimed(pool)
        assert (back.drop.version, back.mark, back.attempts) == ("v1", Mark(9, 1, 2), 1)
        await land(pool, Batch(records(2), FilePosition(back, Mark(18, 2, 3), done=True)), RUN)
        assert await register(pool, [drop("a.csv", "v1", minute=9)], policy=policy) == 0, "it is loaded"

    with_pool(db_url, scenario)


@pytest.mark.parametrize("order_told", [(1, 2, 3), (3, 2, 1), (2, 3, 1)])
def test_replace_lets_only_the_newest_version_count(db_url: str, order_told: tuple[int, ...]) -> None:
    async def scenario(pool: Pool) -> None:
        for number in order_told:
            await register(pool, [drop("a.csv", f"v{number}", minute=number)], policy=Policy.REPLACE)
        assert await states(pool) == {"a.csv v1": "superseded", "a.csv v2": "superseded", "a.csv v3": "discovered"}

    with_pool(db_url, scenario)


def test_replace_takes_the_file_from_who_is_loading_the_old_version(db_url: str) -> None:
    async def scenario(pool: Pool) -> None:
        await register(pool, [drop("a.csv")], policy=Policy.REPLACE)
        old = await claimed(pool)
        await register(pool, [drop("a.csv", "v2", minute=1)], policy=Policy.REPLACE)
        with pytest.raises(StaleFileError):
            await land(pool, Batch(records(1), FilePosition(old, Mark(10, 1, 2))), RUN)
        assert await value(pool, "SELECT count(*) FROM ingestion.records") == 0
        assert (await claimed(pool)).drop.version == "v2"

    with_pool(db_url, scenario)


def test_two_versions_told_at_once_leave_one(db_url: str) -> None:
    async def scenario(pool: Pool) -> None:
        for round_ in range(15):
            await asyncio.gather(
                *(
                    register(pool, [drop(f"{round_}.csv", f"v{number}", minute=number)], policy=Policy.REPLACE)
                    for number in range(4)
                )
            )
        assert Counter((await states(pool)).values()) == {"discovered": 15, "superseded": 45}

    with_pool(db_url, scenario)


def test_append_loads_the_versions_in_turn(db_url: str) -> None:
    async def scenario(pool: Pool) -> None:
        await register(
            pool,
            [drop("a.csv", "v2", minute=2), drop("a.csv", "v1", minute=1), drop("b.csv", minute=9)],
            policy=Policy.APPEND,
        )
        first, other = await claimed(pool), await claimed(pool)
        assert (first.drop.version, other.drop.key) == ("v1", "b.csv")
        assert await claim_file(pool, BUCKET) is None, "v2 waits for v1"
        await land(pool, Batch(records(1), FilePosition(first, Mark(10, 1, 2), done=True)), RUN)
        assert (await claimed(pool)).drop.version == "v2"

    with_pool(db_url, scenario)


def test_reject_refuses_every_version_but_the_first(db_url: str) -> None:
    async def scenario(pool: Pool) -> None:
        await register(pool, [drop("a.csv", "v1", minute=5)], policy=Policy.REJECT)
        await register(pool, [drop("a.csv", "v0", minute=1), drop("a.csv", "v2", minute=9)], policy=Policy.REJECT)
        assert await states(pool) == {"a.csv v0": "rejected", "a.csv v1": "discovered", "a.csv v2": "rejected"}

    with_pool(db_url, scenario)


def test_of_many_workers_each_gets_another_file_and_none_waits(db_url: str) -> None:
    async def scenario(pool: Pool) -> None:
        await register(pool, [drop(f"{number}.csv", minute=number % 3) for number in range(30)], policy=Policy.REPLACE)
        async with pool.connection() as holder:
            await holder.execute("SELECT 1 FROM ingestion.manifest WHERE key = '0.csv' FOR UPDATE")
            claims = await asyncio.wait_for(asyncio.gather(*(claim_file(pool, BUCKET) for _ in range(32))), 10)
        got = [claim for claim in claims if claim]
        assert len(got) == len({claim.drop.key for claim in got}) == len({claim.token for claim in got}) == 29
        assert (await claimed(pool)).drop.key == "0.csv"
        assert await claim_file(pool, "another bucket") is None

    with_pool(db_url, scenario)


def test_where_one_died_the_next_goes_on(db_url: str) -> None:
    async def scenario(pool: Pool) -> None:
        await register(pool, [drop("a.csv")], policy=Policy.REPLACE)
        dead = await claimed(pool, lease_s=0.05)
        await land(pool, Batch(records(1, 2), FilePosition(dead, Mark(50, 2, 4))), RUN)
        assert await claim_file(pool, BUCKET) is None
        await asyncio.sleep(0.06)
        alive = await claimed(pool)
        assert (alive.mark, alive.token > dead.token) == (Mark(50, 2, 4), True)
        with pytest.raises(StaleFileError):
            await land(pool, Batch(records(3, 4), FilePosition(dead, Mark(90, 4, 6))), RUN)
        await land(pool, Batch(records(3, 4), FilePosition(alive, Mark(90, 4, 6), done=True)), RUN)
        assert await rows(pool, "SELECT state, rows_read, loaded, quarantined, duplicate FROM ingestion.manifest") == [
            ("loaded", 4, 4, 0, 0)
        ]
        with pytest.raises(StaleFileError):
            await land(pool, Batch(records(5), FilePosition(alive, Mark(99, 5, 7))), RUN)
        assert await value(pool, "SELECT count(*) FROM ingestion.records") == 4

    with_pool(db_url, scenario)


def test_rows_read_are_rows_loaded_set_aside_and_known(db_url: str) -> None:
    async def scenario(pool: Pool) -> None:
        await register(pool, [drop("a.csv"), drop("b.csv", minute=1), drop("c.csv", minute=2)], policy=Policy.REPLACE)
        first, second, third = [await claimed(pool) for _ in range(3)]
        bad = tuple(Reject("drops", "shipments", raw, "ragged", 7) for raw in (b"x", b"y"))
        await land(pool, Batch(records(1, 2, 2), FilePosition(first, Mark(50, 5, 6), done=True), bad), RUN)
        await land(pool, Batch(records(2, 3), FilePosition(second, Mark(50, 3, 6), done=True), bad[:1]), RUN)
        counts = (
            "SELECT key, state, rows_read, loaded, quarantined, duplicate FROM ingestion.manifest ORDER BY key LIMIT 2"
        )
        assert await rows(pool, counts) == [("a.csv", "loaded", 5, 2, 2, 1), ("b.csv", "loaded", 3, 1, 0, 2)]
        with pytest.raises(ContractViolationError):
            await land(pool, Batch(records(9), FilePosition(third, Mark(50, 2, 6), done=True)), RUN)
        assert (await states(pool))["c.csv v1"] == "claimed", "one row was read and never came: it is not loaded"
        assert await value(pool, "SELECT count(*) FROM ingestion.records") == 3

    with_pool(db_url, scenario)


def test_a_file_without_rows_is_done_and_says_so(db_url: str) -> None:
    async def scenario(pool: Pool) -> None:
        await register(pool, [drop("a.csv")], policy=Policy.REPLACE)
        await land(pool, Batch((), FilePosition(await claimed(pool), Mark(9, 0, 2), done=True)), RUN)
        assert await states(pool) == {"a.csv v1": "empty"}
        assert await claim_file(pool, BUCKET) is None

    with_pool(db_url, scenario)


def test_a_file_that_kills_its_workers_is_given_up_but_not_one_that_gets_on(db_url: str) -> None:
    async def scenario(pool: Pool) -> None:
        await register(pool, [drop("a.csv")], policy=Policy.REPLACE)
        for number in range(6):
            claim = await claimed(pool, max_attempts=3)
            await land(pool, Batch(records(number), FilePosition(claim, Mark(number + 1, number + 1, number + 2))), RUN)
            assert await end_leases(pool, BUCKET) == 1
        for _ in range(10):
            await give_back(pool, await claimed(pool, max_attempts=3), "S3 is down")
        for _ in range(3):
            await claimed(pool, max_attempts=3)
            await end_leases(pool, BUCKET)
        assert await claim_file(pool, BUCKET, max_attempts=3) is None
        assert await rows(pool, "SELECT state, reason FROM ingestion.manifest") == [
            ("failed", "given up: 3 workers in a row fell silent over it")
        ]

    with_pool(db_url, scenario)


@pytest.mark.parametrize(("end", "state"), [(give_back, "discovered"), (fail, "failed"), (supersede, "superseded")])
def test_only_the_owner_ends_a_claim(db_url: str, end: Any, state: str) -> None:
    async def scenario(pool: Pool) -> None:
        await register(pool, [drop("a.csv")], policy=Policy.REPLACE)
        stale = await claimed(pool)
        await end_leases(pool, BUCKET)
        owner = await claimed(pool)
        assert await end(pool, stale, "because") is False
        async with transaction(pool) as connection:
            assert await end(connection, owner, "because") is True
        assert await end(pool, owner, "because") is False
        assert await rows(pool, "SELECT state, reason FROM ingestion.manifest") == [(state, "because")]

    with_pool(db_url, scenario)


def test_a_position_never_commits(db_url: str) -> None:
    async def scenario(pool: Pool) -> None:
        await register(pool, [drop("a.csv")], policy=Policy.REPLACE)
        position = FilePosition(await claimed(pool), Mark(9, 1, 2))
        with pytest.raises(RuntimeError):
            async with transaction(pool) as connection:
                await position.save(connection)
                await position.add(connection, Landed(inserted=1))
                raise RuntimeError
        assert await rows(pool, "SELECT rows_read, loaded FROM ingestion.manifest") == [(0, 0)]

    with_pool(db_url, scenario)
