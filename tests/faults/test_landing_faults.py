"""Landing, cut off at every statement it makes: everything or nothing, and safe to repeat."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg import AsyncCursor

from ingestion.errors import TransientError
from ingestion.landing import land
from ingestion.record import Batch, Record, Reject
from ingestion.store.database import Pool, transaction
from ingestion.store.run_ledger import Landed, Run
from ingestion.store.watermarks import Watermark
from tests.migrated import NOON, order, rows, value, with_pool

RUN = Run.start("shop", "orders", now=lambda: NOON)
POISON = Record("shop", "orders", "poison", b"{", NOON, bytes(32))
BATCH = Batch(
    (*(order(n) for n in range(20)), POISON, *(order(n) for n in range(20, 40))),
    Watermark("shop", "orders", NOON, "ord_000039"),
    (Reject("shop", "orders", b"]", "no id", 40),),
)
TABLES = ("records", "outbox", "dead_letters", "watermarks", "runs")
NOTHING = [0, 0, 0, 0, 0]
EVERYTHING = [40, 40, 2, 1, 1]


async def counts(pool: Pool) -> list[int]:
    return [await value(pool, f"SELECT count(*) FROM ingestion.{table}") for table in TABLES]


@contextmanager
def cut_at_statement(db_url: str, number: int, monkeypatch: pytest.MonkeyPatch, *, after: bool) -> Iterator[list[str]]:
    """Kill the server's side of the session right before, or after, statement *number* (0 is the first)."""
    seen: list[str] = []
    execute = AsyncCursor.execute

    def kill(cursor: AsyncCursor[Any]) -> None:
        with psycopg.connect(db_url, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [cursor.connection.info.backend_pid])

    async def counted(cursor: AsyncCursor[Any], query: Any, *args: Any, **more: Any) -> AsyncCursor[Any]:
        seen.append(str(query))
        if len(seen) - 1 == number and not after:
            kill(cursor)
        result = await execute(cursor, query, *args, **more)
        if len(seen) - 1 == number and after:
            kill(cursor)
        return result

    with monkeypatch.context() as patch:
        patch.setattr(AsyncCursor, "execute", counted)
        yield seen


# Landing this batch takes 17 statements. Postgres refuses eight of them, for the poison in them: those end before they
# could be cut after.
@pytest.mark.parametrize(("after", "every_cut"), [(False, 17), (True, 9)], ids=["before", "after"])
def test_a_session_killed_at_any_statement_leaves_everything_or_nothing(
    db_url: str, monkeypatch: pytest.MonkeyPatch, after: bool, every_cut: int
) -> None:
    async def scenario(pool: Pool) -> int:
        cuts = number = 0
        while True:
            with cut_at_statement(db_url, number, monkeypatch, after=after) as statements:
                try:
                    await land(pool, BATCH, RUN)
                    expected = EVERYTHING
                except TransientError:
                    expected = NOTHING
                    cuts += 1
            assert await counts(pool) == expected, f"cut at {statements[-1]}"
            if number >= len(statements):
                return cuts
            async with transaction(pool) as connection:
                await connection.execute("TRUNCATE " + ", ".join(f"ingestion.{table}" for table in TABLES))
            number += 1

    assert with_pool(db_url, scenario) == every_cut


def test_cancelled_at_any_moment_it_leaves_everything_or_nothing(db_url: str) -> None:
    async def scenario(pool: Pool) -> None:
        cancelled = 0
        for half_ms in range(40):
            task = asyncio.create_task(land(pool, BATCH, RUN))
            await asyncio.sleep(half_ms / 2000)
            task.cancel()
            [outcome] = await asyncio.gather(task, return_exceptions=True)
            cancelled += isinstance(outcome, asyncio.CancelledError)
            assert await counts(pool) in (NOTHING, EVERYTHING)
        assert cancelled > 0
        assert await land(pool, BATCH, RUN) in (Landed(unchanged=42), Landed(inserted=40, parked=2))

    with_pool(db_url, scenario)


def test_a_batch_landed_after_a_lost_answer_changes_nothing(db_url: str) -> None:
    """The commit went through and the answer did not arrive: landing again is harmless."""

    async def scenario(pool: Pool) -> None:
        await land(pool, BATCH, RUN)
        before = await rows(pool, "SELECT key, xmin::text FROM ingestion.records ORDER BY key")
        assert await land(pool, BATCH, RUN) == Landed(unchanged=42)
        assert await rows(pool, "SELECT key, xmin::text FROM ingestion.records ORDER BY key") == before

    with_pool(db_url, scenario)
