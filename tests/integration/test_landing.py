"""The one door into the database."""

import asyncio
import random
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest

from ingestion.errors import ContractViolationError, TransientError
from ingestion.landing import land
from ingestion.record import Batch, Record, Reject, content_hash
from ingestion.store.database import Connection, Pool, transaction
from ingestion.store.run_ledger import Landed, Run
from ingestion.store.watermarks import Watermark
from tests.migrated import NOON, order, rows, value, with_pool

RUN = Run.start("shop", "orders", schema_version="v3", now=lambda: NOON)


def hand_made(key: str, payload: bytes, at: datetime = NOON) -> Record:
    return Record("shop", "orders", key, payload, at, content_hash(payload))


def test_what_lands_is_what_was_read(db_url: str) -> None:
    wild = {
        "text": 'quote " backslash \\ newline \n tab \t \\N \\u0041 𝄞 é',
        "empty": "",
        "numbers": [0, -1, 2**63, 10**30, 0.1, 1e-7],
        "nested": {"a": [None, True, {"b": []}]},
    }
    at = datetime(2026, 11, 23, 14, 30, 15, 123456, tzinfo=timezone(timedelta(hours=2)))
    record = Record.of("shop", "orders", "key \\ \t \n é 𝄞 \\.", wild, at)

    async def scenario(pool: Pool) -> list[tuple[object, ...]]:
        await land(pool, Batch((record,)), RUN)
        return await rows(pool, "SELECT source, stream, key, payload, occurred_at, content_hash FROM ingestion.records")

    assert with_pool(db_url, scenario) == [("shop", "orders", record.key, wild, at, record.content_hash)]


@pytest.mark.parametrize("at", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), NOON])
def test_every_instant_python_knows_is_kept_to_the_microsecond(db_url: str, at: datetime) -> None:
    async def scenario(pool: Pool) -> object:
        await land(pool, Batch((hand_made("k", b"1", at),)), RUN)
        return await value(pool, "SELECT extract(epoch FROM occurred_at)::text FROM ingestion.records")

    since_1970 = at - datetime(1970, 1, 1, tzinfo=UTC)
    seconds, microseconds = divmod(since_1970 // timedelta(microseconds=1), 10**6)
    assert float(with_pool(db_url, scenario)) == pytest.approx(seconds + microseconds / 1e6, abs=1e-6)


def test_replaying_an_old_page_changes_no_row(db_url: str) -> None:
    """W9: newer wins in any order, and the second landing of anything writes nothing."""

    async def scenario(pool: Pool) -> None:
        old = Batch(tuple(order(n) for n in range(50)))
        new = Batch(tuple(order(n, version=5) for n in range(25)))
        assert await land(pool, old, RUN) == Landed(inserted=50)
        assert await land(pool, new, RUN) == Landed(updated=25)
        before = await rows(pool, "SELECT xmin::text, ctid::text, landed_at FROM ingestion.records ORDER BY key")
        assert await land(pool, old, RUN) == Landed(unchanged=50)
        assert await land(pool, new, RUN) == Landed(unchanged=25)
        assert (
            await rows(pool, "SELECT xmin::text, ctid::text, landed_at FROM ingestion.records ORDER BY key") == before
        )

    with_pool(db_url, scenario)


def test_any_order_of_versions_ends_in_the_same_table(db_url: str) -> None:
    """W9, W11: shuffled versions, split into batches anywhere, with repeats inside a batch."""
    versions = [order(n, version=v, note=note) for n in range(6) for v in range(4) for note in ("a", "b")]
    newest = {record.key: max(record, key=lambda r: (r.occurred_at, r.content_hash)) for record in []}
    for record in versions:
        best = newest.get(record.key, record)
        newest[record.key] = max(best, record, key=lambda r: (r.occurred_at, r.content_hash))

    async def scenario(pool: Pool) -> None:
        for seed in range(8):
            rng = random.Random(seed)
            shuffled = rng.sample(versions, len(versions)) + rng.choices(versions, k=20)
            async with transaction(pool) as connection:
                await connection.execute("TRUNCATE ingestion.records")
            total = Landed()
            while shuffled:
                size = rng.randint(1, 30)
                total += await land(pool, Batch(tuple(shuffled[:size])), RUN)
                del shuffled[:size]
            assert total.inserted == 6
            assert total.inserted + total.updated + total.unchanged == len(versions) + 20
            stored = await rows(pool, "SELECT key, content_hash FROM ingestion.records ORDER BY key")
            assert stored == sorted((key, record.content_hash) for key, record in newest.items())

    with_pool(db_url, scenario)


def test_one_poison_row_of_five_hundred_lands_the_others(db_url: str) -> None:
    """D1: 499 rows, one dead letter and the position, in one transaction."""
    records = [order(n) for n in range(500)]
    records[321] = hand_made("poison", b'{"id":"\\u0000"}')
    position = Watermark("shop", "orders", NOON, "ord_000499")

    async def scenario(pool: Pool) -> None:
        assert await land(pool, Batch(tuple(records), position), RUN) == Landed(inserted=499, parked=1)
        [letter] = await rows(pool, "SELECT raw, ordinal, schema_version, reason FROM ingestion.dead_letters")
        assert letter[:3] == (b'{"id":"\\u0000"}', 321, "v3")
        assert "NUL" in letter[3]
        assert await value(pool, "SELECT count(DISTINCT xmin::text) FROM ingestion.records") <= 20  # savepoints
        assert await value(pool, "SELECT count(DISTINCT landed_at) FROM ingestion.records") == 1
        async with pool.connection() as connection:
            assert await Watermark.load(connection, "shop", "orders") == position
        assert await land(pool, Batch(tuple(records), position), RUN) == Landed(unchanged=500)

    with_pool(db_url, scenario)


@pytest.mark.parametrize(
    "bad",
    [
        hand_made("nul", b'{"a":"\\u0000"}'),
        hand_made("nul after backslashes", b'{"a":"\\\\\\u0000"}'),
        hand_made("high surrogate", b'{"a":"\\ud800"}'),
        hand_made("low surrogate", b'{"a":"\\udc00x"}'),
        hand_made("not UTF-8", b'{"a":"\xff\xfe"}'),
        hand_made("raw NUL", b'{"a":"\x00"}'),
        hand_made("not JSON", b"{"),
        hand_made("no payload", b""),
        hand_made("NaN", b"NaN"),
        hand_made("number out of range", b"1e400000"),
        hand_made("nested too deeply", b"[" * 100_000 + b"]" * 100_000),
        hand_made("k" * 40_000 + "".join(map(chr, range(0x4E00, 0x9E00))), b"{}"),
        hand_made("key\0", b"{}"),
        hand_made("key \ud800", b"{}"),
        hand_made("naive", b"{}", datetime(2026, 11, 23, 12, 0)),
        Record("sh\0op", "orders", "k", b"{}", NOON, content_hash(b"{}")),
    ],
    ids=lambda record: record.key[:25].encode(errors="replace").decode(),
)
def test_what_postgres_cannot_store_becomes_a_dead_letter_not_a_dead_transaction(db_url: str, bad: Record) -> None:
    """D9, whatever the cause and wherever in the batch; W7 for the naive instant."""
    records = [order(n) for n in range(20)]
    records.insert(13, bad)

    async def scenario(pool: Pool) -> None:
        assert await land(pool, Batch(tuple(records)), RUN) == Landed(inserted=20, parked=1)
        [(raw, size, reason)] = await rows(pool, "SELECT raw, raw_size_bytes, reason FROM ingestion.dead_letters")
        assert (raw, size) == (bad.payload, len(bad.payload))
        assert reason
        assert len(reason) <= 500
        assert await land(pool, Batch(tuple(records)), RUN) == Landed(unchanged=21)

    with_pool(db_url, scenario)


def test_an_escaped_backslash_before_u0000_is_no_nul(db_url: str) -> None:
    """D9: text that merely reads `\\u0000` lands."""

    async def scenario(pool: Pool) -> None:
        assert await land(pool, Batch((order(1, note="\\u0000"),)), RUN) == Landed(inserted=1)
        assert await value(pool, "SELECT payload->>'note' FROM ingestion.records") == "\\u0000"

    with_pool(db_url, scenario)


@pytest.mark.parametrize("where", ["in the source", "in the database"])
def test_a_changed_schema_stops_the_run_and_lands_nothing(db_url: str, where: str) -> None:
    """D6: more than a tenth refused is no handful of bad rows."""
    records = [order(n) for n in range(89)]
    bad = [hand_made(f"bad {n}", b"{%d" % n) for n in range(11)]
    batch = Batch((*records, *bad), Watermark("shop", "orders", NOON))
    if where == "in the source":
        rejects = tuple(Reject("shop", "orders", record.payload, "no id", n) for n, record in enumerate(bad))
        batch = Batch(tuple(records), batch.position, rejects)

    async def scenario(pool: Pool) -> None:
        with pytest.raises(ContractViolationError, match=r"more than 10 items of one batch of shop\.orders"):
            await land(pool, batch, RUN)
        for table in ("records", "dead_letters", "watermarks", "runs"):
            assert await value(pool, f"SELECT count(*) FROM ingestion.{table}") == 0
        assert (await land(pool, batch, RUN, max_rejected_share=0.11)).parked == 11

    with_pool(db_url, scenario)


def test_a_small_batch_that_is_all_bad_is_parked(db_url: str) -> None:
    """D6: the share counts only above a handful, or a last page of three could block its source for good."""
    bad = tuple(hand_made(f"bad {n}", b"{%d" % n) for n in range(10))
    assert with_pool(db_url, lambda pool: land(pool, Batch(bad), RUN)) == Landed(parked=10)


def test_the_same_poison_twice_in_a_batch_is_one_letter(db_url: str) -> None:
    """D2."""
    rejects = tuple(Reject("shop", "orders", b"{", "cut off", n) for n in (3, 9))

    async def scenario(pool: Pool) -> None:
        assert await land(pool, Batch((), rejects=rejects), RUN) == Landed(parked=1, unchanged=1)
        assert await land(pool, Batch((), rejects=rejects[::-1]), RUN) == Landed(unchanged=2)
        assert await value(pool, "SELECT ordinal FROM ingestion.dead_letters") == 3

    with_pool(db_url, scenario)


def test_position_and_rows_stand_or_fall_together(db_url: str) -> None:
    """W2: a position that cannot be saved takes its rows with it."""

    class Unsaveable:
        async def save(self, connection: Connection) -> None:
            await connection.execute("SELECT 1/0")

    async def scenario(pool: Pool) -> None:
        with pytest.raises(ContractViolationError):
            await land(pool, Batch((order(1),), Unsaveable()), RUN)
        assert await value(pool, "SELECT count(*) FROM ingestion.records") == 0

    with_pool(db_url, scenario)


def test_an_empty_batch_saves_its_position_and_counts(db_url: str) -> None:
    """W12."""

    async def scenario(pool: Pool) -> None:
        assert await land(pool, Batch((), Watermark("shop", "orders", NOON)), RUN) == Landed()
        assert await value(pool, "SELECT batches FROM ingestion.runs") == 1
        assert await value(pool, "SELECT updated_at FROM ingestion.watermarks") == NOON

    with_pool(db_url, scenario)


def test_two_landings_join_one_transaction_of_the_caller(db_url: str) -> None:
    async def scenario(pool: Pool) -> None:
        with pytest.raises(KeyError):
            async with transaction(pool) as connection:
                assert await land(connection, Batch((order(1), order(2))), RUN) == Landed(inserted=2)
                assert await land(connection, Batch((order(2), order(3), hand_made("x", b"{"))), RUN) == Landed(
                    inserted=1, unchanged=1, parked=1
                )
                raise KeyError
        assert await value(pool, "SELECT count(*) FROM ingestion.records") == 0
        assert await value(pool, "SELECT count(*) FROM ingestion.runs") == 0

    with_pool(db_url, scenario)


def test_landings_of_the_same_keys_at_once_do_not_deadlock(db_url: str) -> None:
    """Sixteen landings of the same keys in sixteen orders, with poison in them: all of them land."""

    async def scenario(pool: Pool) -> None:
        async def one(seed: int) -> Landed:
            rng = random.Random(seed)
            records = [order(n, version=rng.randint(0, 3)) for n in range(300)]
            rng.shuffle(records)
            records.insert(rng.randrange(300), hand_made(f"bad {seed}", b"{"))
            return await land(pool, Batch(tuple(records)), Run.start("shop", "orders"))

        landed = await asyncio.gather(*map(one, range(16)))
        assert sum(one.inserted for one in landed) == 300
        assert await value(pool, "SELECT count(*) FROM ingestion.records") == 300

    with_pool(db_url, scenario)


def test_an_update_stays_on_its_page(db_url: str) -> None:
    """Updates are heap-only (HOT): no index entry is written for a row whose key did not change."""

    async def scenario(pool: Pool) -> tuple[int, int]:
        await land(pool, Batch(tuple(order(n) for n in range(400))), RUN)
        async with pool.connection() as connection:
            await land(connection, Batch(tuple(order(n, version=1) for n in range(0, 400, 20))), RUN)
            await connection.execute("SELECT pg_stat_force_next_flush()")
        counts = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'records'"
        [(updated, hot)] = await rows(pool, counts)
        return updated, hot

    updated, hot = with_pool(db_url, scenario)
    assert updated == 20
    assert hot >= 18


def test_the_ledger_counts_what_committed(db_url: str) -> None:
    async def scenario(pool: Pool) -> None:
        run = Run.start("shop", "orders", now=lambda: NOON)
        await land(pool, Batch((order(1), order(2))), run)
        await land(pool, Batch((order(1, version=1), order(2))), run)
        async with transaction(pool) as connection:
            await run.finish(connection)
        ledger = "SELECT status, batches, inserted, updated, unchanged, parked, started_at FROM ingestion.runs"
        assert await rows(pool, ledger) == [("succeeded", 2, 2, 1, 1, 0, NOON)]
        empty = Run.start("shop", "orders", now=lambda: NOON)
        async with transaction(pool) as connection:
            await empty.finish(connection, error="the source is down")
        failed = "SELECT batches, error FROM ingestion.runs WHERE status = 'failed'"
        assert await rows(pool, failed) == [(0, "the source is down")]

    with_pool(db_url, scenario)


def test_a_session_that_dies_is_transient_and_landing_again_is_safe(db_url: str) -> None:
    class Killer(msgspec.Struct, frozen=True):
        async def save(self, connection: Connection) -> None:
            await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    async def scenario(pool: Pool) -> None:
        batch = Batch((order(1), order(2)))
        with pytest.raises(TransientError):
            await land(pool, Batch(batch.records, Killer()), RUN)
        assert await land(pool, batch, RUN) == Landed(inserted=2)

    with_pool(db_url, scenario)
