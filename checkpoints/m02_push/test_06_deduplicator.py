"""Lesson m02.06: a storm counted in events, a filter that may fail, and a database that alone is sure."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest

from ingestion.dedup.deduplicator import EventKey, RecentShare, maybe_of, stored_of
from ingestion.store.database import migrate
from workbook.grading import expect
from workbook.stack.databases import fresh_database


def test_ex1_is_the_share_of_duplicates(rng: random.Random) -> None:
    """Of the first events, the share is simply duplicates among all."""
    for _ in range(20):
        new, duplicates = rng.randrange(60, 400), rng.randrange(60, 400)
        recent = RecentShare(1_000)
        recent.add(new, duplicates)
        wanted = duplicates / (new + duplicates)
        expect(
            recent.value() == pytest.approx(wanted, abs=0.001),
            expected=f"{wanted:.3f} after {new} new events and {duplicates} duplicates",
            came=f"{recent.value():.3f}",
            look_at="what each of the two counts counts",
            hint=3,
        )


def test_ex1_counts_events_and_not_batches(rng: random.Random) -> None:
    """A batch of 500 weighs 500 times what a batch of one weighs."""
    recent, repeats = RecentShare(1_000), rng.randrange(5, 15)
    recent.add(500, 0)
    for _ in range(repeats):
        recent.add(0, 1)
    wanted = repeats / (500 + repeats)
    expect(
        recent.value() == pytest.approx(wanted, rel=0.3),
        expected=f"about {wanted:.3f} after one batch of 500 new events and {repeats} of one duplicate each",
        came=f"{recent.value():.3f}",
        look_at="what fades, and how far, with a batch of one",
        hint=2,
    )


def test_ex1_half_is_left_after_a_half_life(rng: random.Random) -> None:
    """However the events are cut into batches, what came half_life events ago counts half."""
    for size in (1, 5, 50, 250):
        half_life = 1_000
        recent = RecentShare(half_life)
        for _ in range(20_000 // size):
            recent.add(size, 0)
        for _ in range(half_life // size):
            recent.add(0, size)
        expect(
            recent.value() == pytest.approx(0.5, abs=0.02),
            expected=f"a share of 0.5 after a long calm and {half_life} duplicates in batches of {size}",
            came=f"{recent.value():.3f}",
            look_at="the power of one half, and of what",
            hint=2,
        )


def test_ex1_a_storm_is_forgotten(rng: random.Random) -> None:
    """After ten half-lives of new events nothing is left of a storm, whatever it was; nor of a calm."""
    for size in (rng.randrange(1, 40), 300, 100_000):
        recent = RecentShare(200)
        for before, after, wanted in (((0, size), (size, 0), 0.0), ((size, 0), (0, size), 1.0)):
            for _ in range(100_000 // size):
                recent.add(*before)
            for _ in range(max(1, 2_000 // size + 1)):
                recent.add(*after)
            expect(
                recent.value() == pytest.approx(wanted, abs=0.01),
                expected=f"a share of {wanted:.0f} ten half-lives later, in batches of {size}",
                came=f"{recent.value():.3f}",
                look_at="whether both counts fade",
                hint=3,
            )


def keys_of(*numbers: int, source: str = "stripe", stream: str = "events") -> list[EventKey]:
    return [EventKey(source, stream, f"evt_{number}") for number in numbers]


class Filter:
    """Gives the answers that a test wants, and notes what it was asked."""

    def __init__(self, answer: Callable[[Sequence[EventKey]], Any]) -> None:
        self._answer = answer
        self.asked: list[list[EventKey]] = []
        self.given = ""

    async def might_hold(self, keys: Sequence[EventKey]) -> list[bool]:
        self.given = "" if isinstance(keys, Sequence) else type(keys).__name__
        self.asked.append(list(keys))
        answers: list[bool] = self._answer(keys)
        return answers

    async def add(self, keys: Sequence[EventKey]) -> None:
        raise AssertionError("nobody asked for anything to be added")


async def test_ex2_gives_what_may_be_there_each_once(rng: random.Random) -> None:
    """Everything but what the filter denies, each key once, asked in one call."""
    numbers = [rng.randrange(300) for _ in range(500)]
    may_be = {number for number in range(300) if rng.random() < 0.5}
    seen = Filter(lambda keys: [int(key.key[4:]) in may_be for key in keys])
    came = await maybe_of(seen, keys_of(*numbers))
    wanted = keys_of(*(number for number in dict.fromkeys(numbers) if number in may_be))
    expect(
        sorted(came) == sorted(wanted),
        expected=f"{len(wanted)} keys, each once",
        came=f"{len(came)}, {len(set(came))} of them different",
        look_at="an event that stands twice in a batch",
        hint=3,
    )
    expect(
        [len(keys) for keys in seen.asked] == [len(set(numbers))],
        expected=f"one call with {len(set(numbers))} different keys for {len(numbers)}",
        came=f"calls with {[len(keys) for keys in seen.asked][:5]} keys",
        look_at="what is asked, and how often",
        hint=3,
    )


async def test_ex2_a_filter_is_given_a_sequence() -> None:
    """A filter takes its keys in slices of a thousand: what it is given has an order and can be cut."""
    seen = Filter(lambda keys: [True] * len(keys))
    came = await maybe_of(seen, keys_of(1, 2, 2, 3))
    expect(
        sorted(came) == keys_of(1, 2, 3) and not seen.given,
        expected="a list or a tuple of keys for might_hold",
        came=seen.given or came,
        look_at="what might_hold is declared to take, and what `keys[:1000]` does with a set",
        hint=3,
    )


async def test_ex2_without_a_filter_everything_may_be(rng: random.Random) -> None:
    """No filter: all keys, each once. No keys: no question."""
    numbers = [rng.randrange(50) for _ in range(80)]
    came = await maybe_of(None, keys_of(*numbers))
    expect(
        sorted(came) == sorted(set(keys_of(*numbers))),
        expected=f"all {len(set(numbers))} keys, each once",
        came=f"{len(came)} keys",
        look_at="what is known without a filter",
        hint=1,
    )
    seen = Filter(lambda keys: [])
    came = await maybe_of(seen, [])
    expect(
        list(came) == [] and seen.asked == [],
        expected="no call for no keys",
        came=f"{len(seen.asked)} calls",
        hint=3,
    )


def fails(error: Exception) -> Callable[[Sequence[EventKey]], Any]:
    def answer(_: Sequence[EventKey]) -> Any:
        raise error

    return answer


async def test_ex2_a_filter_that_fails_says_maybe() -> None:
    """Down, broken, or with answers that do not fit: everything may be stored, and nothing is raised."""
    faults: list[tuple[str, Callable[[Sequence[EventKey]], Any]]] = [
        ("a filter that is down", fails(ConnectionError("no Redis"))),
        ("a filter with a bug", fails(KeyError("evt_3"))),
        ("a time-out", fails(TimeoutError())),
        ("fewer answers than keys", lambda keys: [False] * (len(keys) - 1)),
        ("more answers than keys", lambda keys: [False] * (len(keys) + 1)),
        ("no answers at all", lambda keys: None),
    ]
    for what, answer in faults:
        seen = Filter(answer)
        try:
            came: Any = sorted(await maybe_of(seen, keys_of(1, 2, 3, 3)))
        except NotImplementedError:
            raise
        except Exception as error:
            came = error
        expect(
            came == keys_of(1, 2, 3),
            expected=f"all three keys, after {what}",
            came=came,
            look_at="what a wrong maybe costs, and what is inside the try",
            hint=2,
        )
        expect(
            len(seen.asked) == 1,
            expected=f"one question, after {what}",
            came=f"{len(seen.asked)}",
            look_at="who waits meanwhile: a batch, for what only spares work",
            hint=1,
        )


async def test_ex2_an_order_to_stop_is_obeyed() -> None:
    """A task that is cancelled while it waits for the filter ends, and gives no answer."""
    seen = Filter(lambda keys: [True])

    async def for_ever(keys: Sequence[EventKey]) -> list[bool]:
        await asyncio.sleep(3600)
        return [True]

    seen.might_hold = for_ever  # type: ignore[method-assign]
    task = asyncio.create_task(maybe_of(seen, keys_of(1)))
    for _ in range(3):
        await asyncio.sleep(0)
    task.cancel()
    came = await asyncio.gather(task, return_exceptions=True)
    if isinstance(came[0], NotImplementedError):
        raise came[0]
    expect(
        isinstance(came[0], asyncio.CancelledError),
        expected="a CancelledError",
        came=came[0],
        look_at="what is above Exception",
        hint=3,
    )


class Cursor(psycopg.AsyncCursor[Any]):
    """Counts the statements that go through it."""

    statements = 0

    async def execute(self, *arguments: Any, **options: Any) -> "Cursor":
        Cursor.statements += 1
        await super().execute(*arguments, **options)
        return self


STORED = [*keys_of(*range(200)), *keys_of(1, 2, source="github"), EventKey("stripe", "refunds", "re_1")]
_INSERT = "INSERT INTO ingestion.records VALUES (%s, %s, %s, '{}', now(), '')"


@pytest.fixture(scope="module")
def database(stack: dict[str, str]) -> Iterator[str]:
    """URL of a database with some events in it, for all tests of this file."""

    async def fill(url: str) -> None:
        async with await psycopg.AsyncConnection.connect(url) as connection:
            await migrate(connection)
            await connection.cursor().executemany(_INSERT, STORED)

    with fresh_database(stack["DB_URL"]) as url:
        asyncio.run(fill(url))
        yield url


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True, cursor_factory=Cursor) as connection:
        yield connection


async def test_ex3_gives_what_is_stored_and_nothing_else(database: str, rng: random.Random) -> None:
    """Source, stream and key together make the event, and one read answers for all."""
    asked = rng.sample(STORED, 60) + keys_of(*range(1_000, 1_060)) + keys_of(*range(60, 90), source="github")
    asked += [EventKey("stripe", "refunds", "evt_1"), EventKey("events", "stripe", "evt_1")]
    rng.shuffle(asked)
    async with connected(database) as door:
        Cursor.statements = 0
        came = await stored_of(door, asked)
    wanted = set(asked) & set(STORED)
    expect(
        set(came) == wanted,
        expected=f"the {len(wanted)} of {len(asked)} keys that have a row",
        came=f"{len(came)}: {len(set(came) - wanted)} too many, {len(wanted - set(came))} missing",
        look_at="all three columns of the key",
        hint=3,
    )
    expect(
        all(type(key) is EventKey for key in came),
        expected="keys of type EventKey",
        came=[type(key).__name__ for key in came][:2],
        hint=3,
    )
    expect(
        Cursor.statements == 1,
        expected="one statement for all keys",
        came=f"{Cursor.statements}",
        look_at="`_STORED`, which takes three lists",
        hint=3,
    )


async def test_ex3_a_row_on_its_way_is_not_stored(database: str, rng: random.Random) -> None:
    """What another transaction has not committed is not known, and nothing is written by asking."""
    key = EventKey("stripe", "events", f"late_{rng.random()}")
    async with connected(database) as writer, connected(database) as door:
        async with writer.transaction(force_rollback=True):
            await writer.execute(_INSERT, key)
            async with asyncio.timeout(1):
                came = await stored_of(door, [key])
        expect(came == set(), expected="nothing known of a row that is not committed", came=came, hint=1)
        rows = await (await door.execute("SELECT count(*) FROM ingestion.records WHERE key = %s", [key.key])).fetchone()
        expect(
            rows == (0,),
            expected="no row after asking about a key",
            came=rows,
            look_at="whether asking also claims",
            hint=1,
        )


async def test_ex3_a_hostile_key_harms_nobody(database: str) -> None:
    """A key that no row can hold is not stored, and the others get their answer."""
    hostile = [EventKey("stripe", "events", key) for key in ("\0", "evt_1\0", "\ud800", "")]
    async with connected(database) as door:
        came = await stored_of(door, [*hostile, *keys_of(1, 2), EventKey("\0", "events", "evt_1")])
        expect(
            came == set(keys_of(1, 2)),
            expected="the two good keys, asked with hostile ones",
            came=came or "an empty set",
            look_at="`_fits_a_row`",
            hint=3,
        )
        Cursor.statements = 0
        came = await stored_of(door, hostile[:3])
        came |= await stored_of(door, [])
        expect(
            came == set() and Cursor.statements == 0,
            expected="no statement when no key is possible",
            came=f"{Cursor.statements} statements",
            look_at="an early return",
            hint=3,
        )


async def test_ex3_a_database_that_is_gone_knows_nothing(database: str) -> None:
    """No answer from Postgres: an empty set, and no exception; landing will say what is wrong."""
    async with connected(database) as door:
        await door.close()
        try:
            came: Any = await stored_of(door, keys_of(1, 2))
        except NotImplementedError:
            raise
        except Exception as error:
            came = error
    expect(
        came == set(),
        expected="an empty set from a database that does not answer",
        came=came,
        look_at="what a wrong surely costs, and what `transaction` raises",
        hint=2,
    )
