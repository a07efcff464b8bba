"""Events in the caller's transaction, and the events that landing writes."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import psycopg
import pytest

from ingestion.errors import ContractViolationError, IngestionError
from ingestion.outbox.writer import OutboxEvent, add_events
from ingestion.store.database import Connection, Pool, transaction
from tests.migrated import NOON, rows, value, with_pool

TOLD = "SELECT aggregateid, convert_from(payload, 'UTF8') FROM ingestion.outbox ORDER BY position"


def event(number: int, key: str = "k", **more: Any) -> OutboxEvent:
    return OutboxEvent("shop.orders", key, "updated", **{"payload": b"%d" % number, "occurred_at": NOON, **more})


def test_a_rollback_takes_the_events_with_it_and_a_commit_keeps_both(db_url: str) -> None:
    """O5."""

    async def scenario(pool: Pool) -> None:
        async with transaction(pool) as connection:
            await connection.execute("CREATE TABLE changes (n int)")
        with pytest.raises(ZeroDivisionError):
            async with transaction(pool) as connection:
                await connection.execute("INSERT INTO changes VALUES (1)")
                assert await add_events(connection, [event(1)]) == 1
                raise ZeroDivisionError
        assert (await rows(pool, "SELECT n FROM changes"), await rows(pool, TOLD)) == ([], [])
        async with transaction(pool) as connection:
            await connection.execute("INSERT INTO changes VALUES (2)")
            assert await add_events(connection, [event(2), event(3)]) == 2
        assert await rows(pool, "SELECT n FROM changes") == [(2,)]
        assert await rows(pool, TOLD) == [("k", "2"), ("k", "3")]

    with_pool(db_url, scenario)


def test_a_savepoint_rolled_back_takes_its_events_and_no_others(db_url: str) -> None:
    async def scenario(pool: Pool) -> None:
        async with transaction(pool) as connection:
            await add_events(connection, [event(1)])
            with pytest.raises(ZeroDivisionError):
                async with transaction(connection):
                    await add_events(connection, [event(2)])
                    raise ZeroDivisionError
            await add_events(connection, [event(3)])
        assert await rows(pool, TOLD) == [("k", "1"), ("k", "3")]

    with_pool(db_url, scenario)


@pytest.mark.parametrize(
    ("broken", "what"),
    [
        (event(1, payload=None), "no payload"),
        (event(1, is_tombstone=True), "marked as a tombstone"),
        (event(1, key=""), "empty aggregateid"),
        (event(1, occurred_at=NOON.replace(tzinfo=None)), "no time zone"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_a_broken_event_is_refused_with_its_whole_call(db_url: str, broken: OutboxEvent, what: str) -> None:
    """O12: no payload is a tombstone only when asked for."""

    async def scenario(pool: Pool) -> None:
        async with transaction(pool) as connection:
            with pytest.raises(ContractViolationError, match=what):
                await add_events(connection, [event(0), broken])
        assert await rows(pool, TOLD) == []
        async with transaction(pool) as connection:
            await add_events(connection, [event(1, payload=None, is_tombstone=True)])
        assert await rows(pool, TOLD) == [("k", None)]

    with_pool(db_url, scenario)


def test_without_an_open_transaction_nothing_is_written(db_url: str) -> None:
    async def scenario(pool: Pool) -> None:
        async with pool.connection() as connection:
            with pytest.raises(IngestionError, match="no transaction is open"):
                await add_events(connection, [event(1)])
        async with await psycopg.AsyncConnection.connect(db_url, autocommit=True) as connection:
            with pytest.raises(IngestionError, match="no transaction is open"):
                await add_events(connection, [event(1)])
        assert await rows(pool, TOLD) == []

    with_pool(db_url, scenario)


def test_ten_thousand_events_are_one_statement_in_their_order(db_url: str) -> None:
    async def scenario(pool: Pool) -> None:
        async with transaction(pool) as connection:
            said = await statements(connection, lambda: add_events(connection, [event(n) for n in range(10_000)]))
            assert await statements(connection, lambda: add_events(connection, [])) == 0
        assert said == 1
        told = await rows(pool, TOLD)
        assert told == [("k", str(n)) for n in range(10_000)]
        assert await value(pool, "SELECT count(DISTINCT id) FROM ingestion.outbox") == 10_000

    with_pool(db_url, scenario)


async def statements(connection: Connection, work: Any) -> int:
    """How many statements *work* runs on a connection."""
    seen = []
    execute = connection.execute

    async def counted(*args: Any, **more: Any) -> Any:
        seen.append(args)
        return await execute(*args, **more)

    connection.execute = counted  # type: ignore[method-assign]
    try:
        await work()
    finally:
        del connection.execute
    return len(seen)


def test_an_event_is_kept_byte_for_byte_and_to_the_microsecond(db_url: str) -> None:
    at = datetime(2026, 11, 23, 14, 30, 15, 123456, tzinfo=timezone(timedelta(hours=2)))
    wild = event(1, payload=b'{"b": 1.0,  "a": \x00\xff}', occurred_at=at, key="k \\ \n é 𝄞")

    async def scenario(pool: Pool) -> None:
        async with transaction(pool) as connection:
            await add_events(connection, [wild])
        [row] = await rows(
            pool, "SELECT aggregatetype, aggregateid, type, payload, occurred_at, id FROM ingestion.outbox"
        )
        assert row[:5] == (wild.aggregatetype, wild.aggregateid, wild.type, wild.payload, at.astimezone(UTC))
        assert isinstance(row[5], UUID)

    with_pool(db_url, scenario)


def test_an_event_of_any_day_finds_a_place(db_url: str) -> None:
    """The default partition takes what no day was made for."""

    async def scenario(pool: Pool) -> None:
        async with transaction(pool) as connection:
            await add_events(connection, [event(1)])
            for far in ("2020-01-01", "2040-01-01"):
                insert = "INSERT INTO ingestion.outbox (created_at, aggregatetype, aggregateid, type) VALUES (%s, 'a', 'k', 't')"
                await connection.execute(insert, [far])
        tables = await rows(pool, "SELECT tableoid::regclass::text FROM ingestion.outbox ORDER BY position")
        assert tables[0][0] != "ingestion.outbox_other"
        assert tables[1:] == [("ingestion.outbox_other",)] * 2

    with_pool(db_url, scenario)


def test_positions_of_one_key_are_in_the_order_of_commits_when_its_row_is_changed_first(db_url: str) -> None:
    """O3, for callers who change the row before they tell of it."""

    async def scenario(pool: Pool) -> None:
        async with transaction(pool) as connection:
            await connection.execute("CREATE TABLE stock (k int PRIMARY KEY, n int); INSERT INTO stock VALUES (1, 0)")

        async def take() -> None:
            async with transaction(pool) as connection:
                [(left,)] = await rows(connection, "UPDATE stock SET n = n + 1 WHERE k = 1 RETURNING n")
                await asyncio.sleep(0)
                await add_events(connection, [event(left)])

        await asyncio.gather(*(take() for _ in range(40)))
        assert [int(payload) for _, payload in await rows(pool, TOLD)] == list(range(1, 41))

    with_pool(db_url, scenario)
