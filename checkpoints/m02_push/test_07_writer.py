"""Lesson m02.07: events are whole, and commit with the change they tell of or not at all."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any

import psycopg
import pytest
from psycopg import AsyncCursor
from psycopg.pq import TransactionStatus

from ingestion.errors import ContractViolationError, IngestionError
from ingestion.outbox import writer
from ingestion.outbox.writer import OutboxEvent, add_events, check_event
from ingestion.store.database import Connection, Pool, migrate, open_pool, transaction
from workbook.grading import expect
from workbook.stack.databases import fresh_database

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def an_event(rng: random.Random, **fields: Any) -> OutboxEvent:
    given = {
        "aggregatetype": "shop.orders",
        "aggregateid": f"shop.orders/{rng.randrange(10**6)}",
        "type": rng.choice(["inserted", "updated"]),
        "payload": rng.randbytes(rng.randrange(1, 40)),
        "occurred_at": NOON + timedelta(seconds=rng.randrange(10**6)),
    }
    return OutboxEvent(**{**given, **fields})


def verdict(event: OutboxEvent) -> str:
    """What `check_event` says, or nothing."""
    try:
        check_event(event)
    except ContractViolationError as refusal:
        return str(refusal)
    return ""


def test_ex1_a_whole_event_passes(rng: random.Random) -> None:
    """Whatever is whole passes: any bytes, none at all, any zone, a tombstone that is meant."""
    west = timezone(timedelta(hours=-7))
    for fields in (
        {},
        {"payload": b""},
        {"aggregateid": " "},
        {"aggregateid": "0"},
        {"payload": rng.randbytes(3) + b"\0\xff"},
        {"occurred_at": NOON.astimezone(west)},
        {"payload": None, "is_tombstone": True},
    ):
        event = an_event(rng, **fields)
        expect(
            verdict(event) == "",
            expected=f"no objection to an event with {fields or 'nothing special'}",
            came=verdict(event),
            look_at=f"what exactly is asked of the {next(iter(fields), 'event')}",
            hint=2,
        )


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"payload": None}, "no payload and no tombstone"),
        ({"is_tombstone": True}, "a tombstone with a payload"),
        ({"is_tombstone": True, "payload": b""}, "a tombstone with an empty payload"),
        ({"aggregateid": ""}, "an empty aggregateid"),
        ({"aggregateid": "", "payload": None, "is_tombstone": True}, "a tombstone without a key"),
    ],
    ids=lambda part: part.replace(" ", "-") if isinstance(part, str) else "",
)
def test_ex1_what_is_not_whole_is_refused(rng: random.Random, fields: dict[str, Any], what: str) -> None:
    """No payload without meaning it, no meaning it with a payload, no event without a key."""
    expect(
        verdict(an_event(rng, **fields)) != "",
        expected=f"ContractViolationError for {what}",
        came="no objection",
        look_at="None and empty are two things" if fields.get("payload") == b"" else "",
        hint=2,
    )


class Nowhere(tzinfo):
    """A zone that does not say how far it is from UTC."""

    def utcoffset(self, moment: datetime | None) -> None:
        return None

    dst = utcoffset

    def tzname(self, moment: datetime | None) -> None:
        return None


@pytest.mark.parametrize("zone", [None, Nowhere()], ids=["no-tzinfo", "a-tzinfo-that-knows-nothing"])
def test_ex1_an_instant_needs_a_zone(rng: random.Random, zone: tzinfo | None) -> None:
    """A time of day somewhere is no instant."""
    expect(
        verdict(an_event(rng, occurred_at=NOON.replace(tzinfo=zone))) != "",
        expected="ContractViolationError for an occurred_at without an offset from UTC",
        came="no objection",
        look_at="utcoffset(), which also asks the zone",
        hint=2,
    )


def test_ex1_a_refusal_says_which_event_and_quotes_no_payload(rng: random.Random) -> None:
    """It names type and aggregatetype; the payload may hold customers' data."""
    said = verdict(
        an_event(rng, type="refunded", aggregatetype="shop.refunds", payload=b"4111111111111111", is_tombstone=True)
    )
    expect(
        "refunded" in said and "shop.refunds" in said,
        expected="a message with `refunded` and `shop.refunds` in it",
        came=said,
    )
    expect("4111111111111111" not in said, expected="a message without the payload", came=said)


@pytest.fixture(scope="module")
def migrated(stack: Mapping[str, str]) -> Iterator[str]:
    async def prepare() -> None:
        async with open_pool(url, max_connections=1) as pool:
            await migrate(pool)
            async with transaction(pool) as connection:
                await connection.execute("CREATE TABLE changes (n int)")

    with fresh_database(stack["DB_URL"]) as url:
        asyncio.run(prepare())
        yield url


@pytest.fixture
async def pool(migrated: str) -> AsyncIterator[Pool]:
    async with open_pool(migrated, max_connections=3) as pool:
        async with transaction(pool) as connection:
            await connection.execute("DELETE FROM ingestion.outbox; DELETE FROM changes")
        yield pool


async def written(pool: Pool) -> list[bytes | None]:
    """The payloads that others can see, in the order of their positions."""
    async with transaction(pool) as connection:
        rows = await connection.execute("SELECT payload FROM ingestion.outbox ORDER BY position")
        return [payload for (payload,) in await rows.fetchall()]


def only_tombstones_are_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let exercise 2 be judged on its own: a stand-in for `check_event`."""

    def check(event: OutboxEvent) -> None:
        if event.payload is None:
            raise ContractViolationError("no payload")

    monkeypatch.setattr(writer, "check_event", check)


@pytest.mark.parametrize("end", ["commit", "rollback"])
async def test_ex2_both_or_neither(pool: Pool, rng: random.Random, monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    """Change and events are there together, or neither is; nothing is visible before the caller commits."""
    only_tombstones_are_broken(monkeypatch)
    events = [an_event(rng) for _ in range(rng.randrange(2, 6))]
    try:
        async with transaction(pool) as connection:
            await connection.execute("INSERT INTO changes VALUES (1)")
            told = await add_events(connection, events)
            expect(told == len(events), expected=f"{len(events)}, the number of events", came=told)
            status = connection.info.transaction_status
            expect(
                status == TransactionStatus.INTRANS and await written(pool) == [],
                expected="the transaction still open afterwards, and nothing to be seen from outside",
                came=f"{status.name}, {len(await written(pool))} events visible",
                look_at="who commits",
                hint=1,
            )
            if end == "rollback":
                raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    wanted = [event.payload for event in events] if end == "commit" else []
    came = await written(pool)
    expect(
        came == wanted, expected=f"{len(wanted)} events after the {end}, in the order of the call", came=came, hint=1
    )


@pytest.mark.parametrize("mode", ["idle", "autocommit"])
@pytest.mark.parametrize("count", [1, 0], ids=["an-event", "no-event"])
async def test_ex2_without_a_transaction_it_refuses(
    migrated: str, pool: Pool, rng: random.Random, monkeypatch: pytest.MonkeyPatch, mode: str, count: int
) -> None:
    """Idle or in autocommit, each statement would commit alone: refused, even with nothing to write."""
    only_tombstones_are_broken(monkeypatch)
    async with await psycopg.AsyncConnection.connect(migrated, autocommit=mode == "autocommit") as connection:
        try:
            came: object = await add_events(connection, [an_event(rng) for _ in range(count)])
        except ContractViolationError as error:
            came = repr(error)
        except IngestionError:
            came = "IngestionError"
        await connection.rollback()
    expect(
        came == "IngestionError",
        expected=f"IngestionError on a connection that is {mode}, with {count} events",
        came=came,
        look_at="connection.info.transaction_status, and what is asked before it",
        hint=2,
    )
    expect(await written(pool) == [], expected="nothing written", came=await written(pool))


async def test_ex2_one_statement_however_many(pool: Pool, rng: random.Random, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two thousand events are one statement, and keep their order; none are none."""
    only_tombstones_are_broken(monkeypatch)
    seen: list[str] = []

    def count(name: str) -> None:
        original = getattr(AsyncCursor, name)

        def counting(cursor: Any, query: Any, *args: Any, **more: Any) -> Any:
            seen.append(str(query))
            return original(cursor, query, *args, **more)

        monkeypatch.setattr(AsyncCursor, name, counting)

    count("execute")
    count("executemany")
    events = [an_event(rng, payload=b"%d" % number, aggregateid=f"{number % 70}") for number in range(2_000)]
    async with transaction(pool) as connection:
        none = await add_events(connection, [])
        expect(
            (none, seen) == (0, []),
            expected="0, and no statement, for no events",
            came=(none, seen),
            look_at="the way to the end when there is nothing to do",
        )
        await add_events(connection, events)
        expect(
            len(seen) == 1,
            expected="one statement for 2,000 events",
            came=f"{len(seen)} statements",
            look_at="_ADD takes columns",
            hint=3,
        )
    came = await written(pool)
    expect(
        came == [b"%d" % number for number in range(2_000)],
        expected="all 2,000 events of 70 keys, with positions in the order of the call",
        came=f"{len(came)}, which begin {came[:5]}",
        look_at="what becomes of the second event of a key",
    )


async def test_ex2_a_call_with_a_broken_event_writes_nothing(
    pool: Pool, rng: random.Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A caller who catches the refusal and commits has none of the call's events, and a transaction that still works."""
    only_tombstones_are_broken(monkeypatch)
    events = [an_event(rng) for _ in range(5)]
    events.insert(rng.randrange(1, 6), an_event(rng, payload=None))
    async with transaction(pool) as connection:
        try:
            await add_events(connection, events)
            came: object = "no error"
        except ContractViolationError:
            came = "ContractViolationError"
        expect(came == "ContractViolationError", expected="what check_event raised to come out", came=came, hint=3)
        await connection.execute("INSERT INTO changes VALUES (2)")
    expect(
        await written(pool) == [],
        expected="no event of the refused call after the caller's commit",
        came=f"{len(await written(pool))} events",
        look_at="when the checking is done",
        hint=2,
    )


async def test_ex2_every_field_arrives(pool: Pool, rng: random.Random, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kind, key, type, bytes and instant are stored as they were given, tombstones included."""
    monkeypatch.setattr(writer, "check_event", lambda event: None)
    east = timezone(timedelta(hours=9))
    one = an_event(rng, occurred_at=NOON.astimezone(east), payload=b'{"a":  1.0}\0\xff')
    gone = an_event(rng, payload=None, is_tombstone=True)
    async with transaction(pool) as connection:
        await add_events(connection, [one, gone])
        statement = (
            "SELECT aggregatetype, aggregateid, type, payload, occurred_at FROM ingestion.outbox ORDER BY position"
        )
        came = await (await connection.execute(statement)).fetchall()
    wanted = [(e.aggregatetype, e.aggregateid, e.type, e.payload, e.occurred_at) for e in (one, gone)]
    expect(came == wanted, expected=repr(wanted), came=came, look_at="the order of the five columns", hint=3)


async def in_one_savepoint(connection: Connection, events: list[OutboxEvent]) -> None:
    async with transaction(connection):
        await add_events(connection, events)
        raise ZeroDivisionError


async def test_ex2_works_inside_a_savepoint(pool: Pool, rng: random.Random, monkeypatch: pytest.MonkeyPatch) -> None:
    """A savepoint rolled back takes its own events along, and no others."""
    only_tombstones_are_broken(monkeypatch)
    kept, dropped = an_event(rng), an_event(rng)
    async with transaction(pool) as connection:
        await add_events(connection, [kept])
        with pytest.raises(ZeroDivisionError):
            await in_one_savepoint(connection, [dropped])
    expect(
        await written(pool) == [kept.payload],
        expected="the event outside the savepoint, and not the one inside",
        came=await written(pool),
        look_at="who opens and ends transactions",
        hint=1,
    )
