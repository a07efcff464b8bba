"""What landing tells of, and which version stays."""

import asyncio
import random
from typing import Any

import msgspec
import psycopg
import pytest

from ingestion.errors import ContractViolationError
from ingestion.landing import land
from ingestion.record import Batch, Record, content_hash
from ingestion.store.database import Connection, Pool, transaction
from ingestion.store.run_ledger import Landed, Run, Tally
from tests.migrated import NOON, order, rows, value, with_pool

RUN = Run.start("shop", "orders", now=lambda: NOON)
TOLD = "SELECT aggregatetype, aggregateid, type, payload, occurred_at FROM ingestion.outbox ORDER BY position"


def delivery(key: str, body: str = "{}", second: int = 0) -> Record:
    return msgspec.structs.replace(
        order(0, version=second), source="stripe", stream="events", key=key, payload=body.encode()
    )


async def state(pool: Pool) -> tuple[int, int]:
    """Rows and events."""
    return await value(pool, "SELECT count(*) FROM ingestion.records"), await value(
        pool, "SELECT count(*) FROM ingestion.outbox"
    )


def test_each_change_is_told_once_in_the_same_transaction(db_url: str) -> None:
    old, new = order(1), order(1, version=5)

    async def scenario(pool: Pool) -> None:
        assert await land(pool, Batch((old, order(2), old)), RUN) == Landed(inserted=2, unchanged=1)
        assert await land(pool, Batch((new, order(2))), RUN) == Landed(updated=1, unchanged=1)
        assert await land(pool, Batch((old, new)), RUN) == Landed(unchanged=2)
        with pytest.raises(ZeroDivisionError):
            async with transaction(pool) as connection:
                await land(connection, Batch((order(3),)), RUN)
                raise ZeroDivisionError
        assert await rows(pool, TOLD) == [
            ("shop.orders", "shop.orders/ord_000001", "inserted", old.payload, old.occurred_at),
            ("shop.orders", "shop.orders/ord_000002", "inserted", order(2).payload, NOON),
            ("shop.orders", "shop.orders/ord_000001", "updated", new.payload, new.occurred_at),
        ]

    with_pool(db_url, scenario)


def test_an_event_holds_the_bytes_as_they_were_read(db_url: str) -> None:
    """jsonb sorts keys by length, drops the fraction of 1.0e0 and the escapes; the event does not."""
    payload = '{"aa":1,"b":1.50,"big":123456789012345678901234567890,"é":"\\u00e9"}'.encode()
    record = Record("shop", "orders", "k", payload, NOON, content_hash(payload))

    async def scenario(pool: Pool) -> None:
        await land(pool, Batch((record,)), RUN)
        assert await value(pool, "SELECT payload FROM ingestion.outbox") == payload

    with_pool(db_url, scenario)


def test_ids_are_of_version_seven_and_their_order_is_that_of_the_positions(db_url: str) -> None:
    async def scenario(pool: Pool) -> None:
        for version in range(3):
            await land(pool, Batch(tuple(order(n, version=version) for n in range(300))), RUN)
        ids = [each for (each,) in await rows(pool, "SELECT id FROM ingestion.outbox ORDER BY position")]
        assert len(set(ids)) == 900
        assert {each.version for each in ids} == {7}
        assert all(ids[n : n + 300] == sorted(ids[n : n + 300]) for n in (0, 300, 600))

    with_pool(db_url, scenario)


def test_many_landers_at_once_never_draw_the_same_id(db_url: str) -> None:
    async def scenario(pool: Pool) -> None:
        await asyncio.gather(*(land(pool, Batch((order(n),)), Run.start("s", "t")) for n in range(400)))
        assert await rows(pool, "SELECT count(*), count(DISTINCT id) FROM ingestion.outbox") == [(400, 400)]

    with_pool(db_url, scenario)


def test_a_parked_record_is_not_told_of(db_url: str) -> None:
    """R14, at the level of landing: 499 rows, 499 events, one letter."""
    records = [order(n) for n in range(500)]
    records[77] = Record("shop", "orders", "poison", b"{", NOON, bytes(32))

    async def scenario(pool: Pool) -> None:
        assert await land(pool, Batch(tuple(records)), RUN) == Landed(inserted=499, parked=1)
        assert await state(pool) == (499, 499)
        with pytest.raises(ContractViolationError):
            bad = tuple(Record("shop", "orders", f"bad {n}", b"{%d" % n, NOON, bytes(32)) for n in range(60))
            await land(pool, Batch((*bad, order(900))), RUN)
        assert await state(pool) == (499, 499)

    with_pool(db_url, scenario)


def test_concurrent_versions_of_one_key_are_told_in_the_order_they_landed(db_url: str) -> None:
    """O3: the position is taken after the row is locked."""

    async def scenario(pool: Pool) -> None:
        tasks = [land(pool, Batch(tuple(order(n, version=v) for n in range(20))), RUN) for v in range(12)]
        await asyncio.gather(*tasks)
        told = "SELECT aggregateid, array_agg(occurred_at ORDER BY position) FROM ingestion.outbox GROUP BY 1"
        histories = await rows(pool, told)
        assert len(histories) == 20
        assert all(versions == sorted(set(versions)) for _, versions in histories)

    with_pool(db_url, scenario)


def test_ten_thousand_rows_are_one_statement_and_a_rerun_adds_none(db_url: str) -> None:
    batch = Batch(tuple(order(n) for n in range(10_000)))

    async def scenario(pool: Pool) -> None:
        assert await land(pool, batch, RUN) == Landed(inserted=10_000)
        for _ in range(12):  # past the point where Postgres keeps one plan for all sizes
            assert await land(pool, batch, RUN) == Landed(unchanged=10_000)
        assert await state(pool) == (10_000, 10_000)

    with_pool(db_url, scenario)


def test_the_first_version_stays_whatever_the_next_one_says(db_url: str) -> None:
    first, later, earlier = (
        delivery("evt_1", '{"n":1}', 5),
        delivery("evt_1", '{"n":2}', 9),
        delivery("evt_1", '{"n":3}', 1),
    )

    async def scenario(pool: Pool) -> None:
        assert await land(pool, Batch((first, later, earlier)), RUN, versions="first") == Landed(
            inserted=1, unchanged=2
        )
        assert await land(pool, Batch((later, earlier)), RUN, versions="first") == Landed(unchanged=2)
        assert await rows(pool, "SELECT payload, xmax::text FROM ingestion.records") == [({"n": 1}, "0")]
        assert await rows(pool, TOLD) == [
            ("stripe.events", "stripe.events/evt_1", "inserted", b'{"n":1}', first.occurred_at)
        ]

    with_pool(db_url, scenario)


def test_one_key_landed_by_many_at_once_is_one_row_and_one_event(db_url: str) -> None:
    """R12."""

    async def scenario(pool: Pool) -> None:
        for key in range(20):
            deliveries = [delivery(f"evt_{key}", f'{{"copy":{copy}}}') for copy in range(16)]
            landed = await asyncio.gather(
                *(
                    land(pool, Batch((each,)), Run.start("webhooks", "deliveries"), versions="first")
                    for each in deliveries
                )
            )
            assert sorted(landed, key=lambda one: one.inserted) == [Landed(unchanged=1)] * 15 + [Landed(inserted=1)]
        assert await state(pool) == (20, 20)
        same = "SELECT count(*) FROM ingestion.records r JOIN ingestion.outbox o ON r.payload = convert_from(o.payload, 'UTF8')::jsonb AND o.aggregateid LIKE '%%' || r.key"
        assert await value(pool, same) == 20

    with_pool(db_url, scenario, max_connections=12)


@pytest.mark.parametrize("end", ["rolls back", "is killed"])
def test_when_the_first_writer_fails_the_second_is_stored(db_url: str, end: str) -> None:
    """R13: a copy waits for the one before it, and lands if that one does not."""

    async def scenario(pool: Pool) -> None:
        first = await psycopg.AsyncConnection.connect(db_url)
        await land_open(first, delivery("evt_1", '{"n":1}'))
        second = asyncio.create_task(land(pool, Batch((delivery("evt_1", '{"n":2}'),)), RUN, versions="first"))
        await asyncio.sleep(0.3)
        assert not second.done()
        if end == "rolls back":
            await first.rollback()
        else:
            await value(pool, "SELECT pg_terminate_backend(%s)", first.info.backend_pid)
        assert await asyncio.wait_for(second, 10) == Landed(inserted=1)
        assert await rows(pool, "SELECT payload FROM ingestion.outbox") == [(b'{"n":2}',)]
        assert await rows(pool, "SELECT payload FROM ingestion.records") == [({"n": 2},)]
        await first.close()

    with_pool(db_url, scenario)


async def land_open(connection: Connection, record: Record) -> None:
    """Land inside a transaction that stays open."""
    await connection.execute("SELECT 1")
    assert await land(connection, Batch((record,)), Run.start("webhooks", "deliveries"), versions="first") == Landed(
        inserted=1
    )


def test_first_and_newest_side_by_side_in_any_order_do_not_deadlock(db_url: str) -> None:
    async def scenario(pool: Pool) -> None:
        async def one(seed: int) -> Landed:
            rng = random.Random(seed)
            records = [delivery(f"evt_{n:03}", second=rng.randint(0, 3)) for n in range(200)]
            rng.shuffle(records)
            versions: Any = "first" if seed % 2 else "newest"
            return await land(pool, Batch(tuple(records)), Run.start("w", "d"), versions=versions)

        landed = await asyncio.gather(*map(one, range(12)))
        assert sum(each.inserted for each in landed) == 200
        rows_and_events = await state(pool)
        assert rows_and_events == (200, 200 + sum(each.updated for each in landed))

    with_pool(db_url, scenario)


class Counting(msgspec.Struct, frozen=True):
    """A position that keeps a count of its own, in the landing's transaction."""

    async def save(self, connection: Connection) -> None:
        await connection.execute("CREATE TABLE IF NOT EXISTS tally (saved_before bool, inserted int, parked int)")
        await connection.execute("INSERT INTO tally VALUES (true)")

    async def add(self, connection: Connection, landed: Landed) -> None:
        await connection.execute("UPDATE tally SET inserted = %s, parked = %s", [landed.inserted, landed.parked])


def test_a_position_that_is_a_tally_is_told_what_landed_in_the_same_transaction(db_url: str) -> None:
    poison = Record("shop", "orders", "poison", b"{", NOON, bytes(32))

    async def scenario(pool: Pool) -> None:
        assert isinstance(Counting(), Tally)
        assert isinstance(RUN, Tally)
        with pytest.raises(ZeroDivisionError):
            async with transaction(pool) as connection:
                await land(connection, Batch((order(1), poison), Counting()), RUN)
                raise ZeroDivisionError
        assert await value(pool, "SELECT to_regclass('tally')") is None
        await land(pool, Batch((order(1), order(2), poison), Counting()), RUN)
        assert await rows(pool, "SELECT * FROM tally") == [(True, 2, 1)]

    with_pool(db_url, scenario)
