"""One statement for a batch of events: what it leaves is what `land` leaves, and nothing is told before it has committed."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from ingestion.dedup.deduplicator import EventKey
from ingestion.errors import IngestionError
from ingestion.landing import RefusedError, land
from ingestion.record import Batch, Record
from ingestion.store.database import migrate, open_pool
from ingestion.store.run_ledger import Run
from ingestion.webhooks.storing import land_events

AT = datetime(2026, 1, 2, tzinfo=UTC)
LEFT = (
    "SELECT source, stream, key, payload, occurred_at, content_hash FROM ingestion.records ORDER BY key",
    "SELECT aggregatetype, aggregateid, type, occurred_at, payload FROM ingestion.outbox ORDER BY id",
    "SELECT batches, inserted, updated, unchanged, parked FROM ingestion.runs",
)


def events(*numbers: int, note: str = "") -> list[Record]:
    return [Record.of("stripe", "events", f"evt_{number}", {"n": number, "note": note}, AT) for number in numbers]


def left(db_url: str) -> list[list[tuple[Any, ...]]]:
    with psycopg.connect(db_url) as connection:
        return [connection.execute(sql.encode()).fetchall() for sql in LEFT]


def empty(db_url: str) -> None:
    with psycopg.connect(db_url) as connection:
        connection.execute("TRUNCATE ingestion.records, ingestion.outbox, ingestion.runs")


def test_it_leaves_what_land_leaves(db_url: str) -> None:
    batches = [events(3, 1, 2), events(2, 4, note="again"), events(1, 2, 3, 4)]

    async def main() -> None:
        async with open_pool(db_url) as pool:
            await migrate(pool)
            run = Run.start("webhooks", "deliveries")
            for batch in batches:
                await land(pool, Batch(tuple(batch)), run, versions="first")
            wanted = left(db_url)
            empty(db_url)
            run = Run.start("webhooks", "deliveries")
            fresh = [await land_events(pool, batch, run) for batch in batches]
            assert left(db_url) == wanted
            assert [sorted(key.key for key in keys) for keys in fresh] == [["evt_1", "evt_2", "evt_3"], ["evt_4"], []]
            assert EventKey("stripe", "events", "evt_4") in fresh[1]

    asyncio.run(main())


def test_what_fails_at_the_commit_raises_and_leaves_nothing(db_url: str) -> None:
    """The rows are written and counted by then: only the commit itself says no."""

    async def main() -> None:
        async with open_pool(db_url) as pool:
            await migrate(pool)
            with psycopg.connect(db_url, autocommit=True) as connection:
                connection.execute(
                    """CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
                    $$ BEGIN RAISE EXCEPTION 'not today'; END $$"""
                )
                connection.execute(
                    """CREATE CONSTRAINT TRIGGER late AFTER INSERT ON ingestion.records
                    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()"""
                )
            for _ in range(8):  # also once psycopg has prepared it
                with pytest.raises(IngestionError, match="not today"):
                    await land_events(pool, events(1, 2), Run.start("webhooks", "deliveries"))
            assert left(db_url) == [[], [], []]

    asyncio.run(main())


def test_what_postgres_refuses_is_said_and_leaves_nothing(db_url: str) -> None:
    nul = Record("stripe", "events", "evt_9", b'{"a":"\\u0000"}', AT, bytes(32))

    async def main() -> None:
        async with open_pool(db_url) as pool:
            await migrate(pool)
            with pytest.raises(RefusedError):
                await land_events(pool, [*events(1), nul], Run.start("webhooks", "deliveries"))
            assert left(db_url) == [[], [], []]

    asyncio.run(main())
