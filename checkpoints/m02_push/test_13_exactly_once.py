"""Lesson m02.13: nothing appears behind the horizon, a start leaves nothing done undone, the position promises only what is kept."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import pytest

from ingestion.errors import ConfigurationError
from ingestion.outbox import exactly_once
from ingestion.outbox.exactly_once import Horizon, Look, begin_behind, look, publish_rows
from ingestion.outbox.message import OutboxRow, Outcome
from ingestion.outbox.writer import OutboxEvent, add_events
from ingestion.store.database import Connection, Pool, migrate, open_pool, transaction
from workbook.grading import expect
from workbook.stack.databases import fresh_database

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def at(position: int, *writers: str) -> Look:
    return Look(position, frozenset(writers))


def test_ex1_nobody_writes(rng: random.Random) -> None:
    """With no writer at work the horizon is the last position that was given."""
    horizon, position = Horizon(), 0
    expect(
        horizon.saw(at(0)) == 0,
        expected="0 for an outbox that never gave out a position",
        came=horizon.position,
        hint=2,
    )
    for _ in range(5):
        position += rng.randint(1, 50)
        came = horizon.saw(at(position))
        expect(
            came == position == horizon.position,
            expected=f"{position}, as nobody writes",
            came=came,
            look_at="what is to be waited for",
            hint=2,
        )
        horizon.saw(at(position, "3/7"))
        expect(
            horizon.is_settled,
            expected="is_settled, with nothing beyond the horizon, though somebody has begun to write",
            came="not settled",
            look_at="when a look becomes the mark",
            hint=3,
        )
        horizon.saw(at(position))


def test_ex1_it_stands_while_they_are_at_work(rng: random.Random) -> None:
    """Positions given while somebody writes are not complete before that one has ended, however often one looks."""
    horizon, before = Horizon(), rng.randint(1, 50)
    horizon.saw(at(before))
    for more in range(1, 5):
        came = horizon.saw(at(before + more, "3/7", "4/1"))
        expect(
            came == before,
            expected=f"{before}, while 3/7 and 4/1 write",
            came=came,
            look_at="who may hold a lower position",
            hint=2,
        )
    expect(
        not horizon.is_settled, expected="not settled: there is something beyond the horizon", came="settled", hint=3
    )
    came = horizon.saw(at(before + 4, "4/1"))
    expect(
        came == before, expected=f"{before}, while 4/1 still writes", came=came, look_at="all of them, or one", hint=2
    )


def test_ex1_it_goes_to_the_mark_and_not_to_now() -> None:
    """When the writers of a mark have ended, complete is what had been given at the mark; later writers have later positions."""
    horizon = Horizon()
    horizon.saw(at(10, "3/7"))
    came = horizon.saw(at(15, "4/1"))
    expect(
        came == 10,
        expected="10: given out while 3/7 wrote, which has ended (4/1 came later, and may hold 11 to 15)",
        came=came,
        look_at="which look the answer belongs to",
        hint=2,
    )
    came = horizon.saw(at(22, "5/9"))
    expect(
        came == 15,
        expected="15: given out while 4/1 wrote, which has ended",
        came=came,
        look_at="what is waited for next",
        hint=3,
    )


def test_ex1_later_writers_do_not_hold_it_up(rng: random.Random) -> None:
    """A busy table always has some writer: the horizon follows all the same."""
    horizon = Horizon()
    reached = [horizon.saw(at(number * 10, f"3/{number}", f"3/{number + 1}")) for number in range(1, 60)]
    expect(
        reached[-1] >= 550 and sorted(reached) == reached,
        expected="at least 550 of 590, over 59 looks with two writers each that overlap without end",
        came=f"{reached[-1]}",
        look_at="when a mark is replaced, and for whom it waits",
        hint=2,
    )


def test_ex1_it_never_goes_back() -> None:
    """A look that shows less than is known (a server that lost its last numbers) does not move it back."""
    horizon = Horizon(100)
    for seen in (at(40), at(90, "3/1"), at(100, "3/1"), at(0)):
        came = horizon.saw(seen)
        expect(came == 100, expected=f"100, after a look at {seen.position}", came=came, hint=3)


def test_ex1_a_prepared_transaction_counts() -> None:
    """A writer that is prepared for two-phase commit has another name from then on, and still holds its position."""
    horizon = Horizon()
    horizon.saw(at(10, "3/7"))
    came = horizon.saw(at(10, "-1/812"))
    expect(
        came == 0,
        expected="0, while -1/812, once 3/7, waits for its second phase",
        came=came,
        look_at="is_over",
        hint=3,
    )
    came = horizon.saw(at(10))
    expect(came == 10, expected="10 when it has ended", came=came, hint=3)


def test_ex1_nothing_appears_behind_it_in_any_history(rng: random.Random) -> None:
    """Over random histories: never above a position that somebody at work holds, and complete when all have ended."""
    for _ in range(30):
        at_work: dict[str, list[int]] = {}
        last, horizon, moved = 0, Horizon(), 0
        for number in range(150):
            step = rng.random()
            if step < 0.3 and len(at_work) < 5:
                at_work[f"3/{number}"] = []
            elif step < 0.6 and at_work:
                last += 1
                rng.choice(list(at_work.values())).append(last)
            elif step < 0.8 and at_work:
                del at_work[rng.choice(list(at_work))]
            else:
                before, came = horizon.position, horizon.saw(at(last, *at_work))
                moved += came > before
                lowest = min((taken for each in at_work.values() for taken in each), default=last + 1)
                expect(
                    came < lowest,
                    expected=f"below {lowest}, which a transaction at work has taken",
                    came=came,
                    look_at="for whom it waits",
                    hint=2,
                )
        came = horizon.saw(at(last))
        came = horizon.saw(at(last))
        expect(came == last, expected=f"{last} when everybody has ended", came=came, hint=3)


@pytest.fixture(scope="module")
def migrated(stack: Mapping[str, str]) -> Iterator[str]:
    async def prepare() -> None:
        async with open_pool(url, max_connections=1) as pool:
            await migrate(pool)

    with fresh_database(stack["DB_URL"]) as url:
        asyncio.run(prepare())
        yield url


@pytest.fixture
async def pool(migrated: str) -> AsyncIterator[Pool]:
    async with open_pool(migrated, max_connections=2) as pool:
        async with transaction(pool) as connection:
            await connection.execute("DELETE FROM ingestion.outbox")
        yield pool


async def positions(pool: Pool) -> list[int]:
    async with transaction(pool) as connection:
        found = await connection.execute("SELECT position FROM ingestion.outbox ORDER BY position")
        return [position for (position,) in await found.fetchall()]


async def written(pool: Pool, count: int) -> list[int]:
    async with transaction(pool) as connection:
        await add_events(
            connection, [OutboxEvent("bank.payouts", f"p{n}", "inserted", b"1", NOON) for n in range(count)]
        )
    return await positions(pool)


async def begin(pool: Pool, position: int) -> Exception | None:
    """Begin behind *position*, and give what it raised."""
    async with pool.connection() as connection:
        try:
            await begin_behind(connection, position)
        except ConfigurationError as error:
            return error
    return None


async def test_ex2_rows_up_to_the_position_go_and_no_others(pool: Pool, rng: random.Random) -> None:
    """What is in Kafka is deleted, the row at the position included; what is behind it stays; again changes nothing."""
    there = await written(pool, 12)
    position = there[rng.randint(2, 8)]
    for _ in range(2):
        failed = await begin(pool, position)
        expect(failed is None, expected="no error", came=str(failed))
        left = await positions(pool)
        expect(
            left == [each for each in there if each > position],
            expected=f"{len([each for each in there if each > position])} rows left, those behind the position",
            came=f"{len(left)}, from {left[0] - position if left else 0:+} on (counted from the position)",
            look_at="which rows are in Kafka",
            hint=1,
        )


async def test_ex2_from_the_very_beginning(pool: Pool) -> None:
    """Position 0, of an outbox that never was published, is no reason to complain or to delete."""
    there = await written(pool, 3)
    failed = await begin(pool, 0)
    expect(failed is None, expected="no error at position 0", came=str(failed), hint=2)
    expect(
        await positions(pool) == there, expected="all 3 rows still there", came=f"{len(await positions(pool))}", hint=1
    )


async def test_ex2_an_empty_outbox_is_no_older_one(pool: Pool) -> None:
    """An outbox that has been emptied gave out its positions all the same."""
    there = await written(pool, 5)
    await begin(pool, there[-1])
    failed = await begin(pool, there[-1])
    expect(
        failed is None,
        expected="no error: the sequence has given out the position, and the rows are gone because they are done",
        came=str(failed),
        look_at="what an empty table says",
        hint=2,
    )


async def test_ex2_who_begins_meanwhile_is_not_counted(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """An event that is written between the look and the deleting lies behind the position, and stays."""
    there, meanwhile = await written(pool, 3), 0

    async def look_and_write(connection: Connection) -> Look:
        nonlocal meanwhile
        seen = await look(connection)
        await written(pool, 1)
        meanwhile += 1
        return seen

    monkeypatch.setattr(exactly_once, "look", look_and_write)
    failed = await begin(pool, there[-1])
    left = await positions(pool)
    expect(
        failed is None and len(left) == meanwhile and all(each > there[-1] for each in left),
        expected=f"the 3 rows up to the position gone, and {meanwhile} written meanwhile still there",
        came=str(failed) if failed else f"{len(left)} rows left",
        look_at="what is deleted: rows by their positions, or all that is there",
        hint=1,
    )


async def test_ex2_a_large_remainder_goes_as_well(pool: Pool) -> None:
    """However many rows a crash has left; the last position may have been rolled back, and is no row."""
    there = await written(pool, 2_100)
    async with transaction(pool) as connection:
        await connection.execute("DELETE FROM ingestion.outbox WHERE position = %s", [there[-1]])
    failed = await begin(pool, there[-1])
    left = await positions(pool)
    expect(
        failed is None and not left,
        expected="no error, and none left of 2,099 rows up to the position",
        came=str(failed) if failed else f"{len(left)} rows left",
        look_at="what was given out last, and limits",
        hint=2,
    )


@pytest.mark.parametrize("rows", [4, 0], ids=["rows-left", "an-empty-outbox"])
async def test_ex2_a_restored_database_is_refused(pool: Pool, rows: int) -> None:
    """A position that this outbox never gave out is a ConfigurationError that names both numbers, and deletes nothing."""
    there = await written(pool, rows)
    async with transaction(pool) as connection:
        last = (await look(connection)).position
    failed = await begin(pool, last + 1)
    expect(
        failed is not None,
        expected=f"a ConfigurationError: Kafka is at {last + 1}, the outbox gave out {last}",
        came="none",
        look_at="positions that will be given out again",
        hint=2,
    )
    for number in (last, last + 1):
        expect(
            str(number) in str(failed),
            expected=f"a message that names {number}",
            came=str(failed),
            look_at="who has to mend it",
            hint=3,
        )
    expect(
        await positions(pool) == there,
        expected="nothing deleted",
        came=f"{len(await positions(pool))} of {rows} rows left",
        look_at="what is done first",
        hint=3,
    )


def a_row(position: int) -> OutboxRow:
    return OutboxRow(position, NOON, b"bank.payouts", b"k", b"x", b"%d" % position, b"", b"{}")


class Kafka:
    """Takes transactions, refuses poison, and checks at each commit that the position passes nothing by."""

    def __init__(
        self, rows: Sequence[OutboxRow], poison: Sequence[int], rng: random.Random, *, tells: float = 0.5
    ) -> None:
        self.all = [row.position for row in rows]
        self.poison, self.rng, self.tells = set(poison), rng, tells
        self.committed: list[int] = []
        self.buried: list[int] = []
        self.reasons: dict[int, str] = {}
        self.position = 0
        self.tried: list[tuple[list[int], int]] = []

    async def publish(self, rows: Sequence[OutboxRow], position: int) -> Outcome:
        numbers = [row.position for row in rows]
        self.tried.append((numbers, position))
        expect(
            len(self.tried) < 500,
            expected="an end",
            came="500 attempts",
            look_at="the batch that is tried again",
            hint=3,
        )
        bad = {index: f"{number} is too large" for index, number in enumerate(numbers) if number in self.poison}
        bad = dict(self.rng.sample(list(bad.items()), len(bad)))  # a dict of reports is in the order in which they came
        if bad and (len(rows) == 1 or self.rng.random() < self.tells):
            return Outcome(bad, frozenset(range(len(rows))) - bad.keys())
        if bad:
            return Outcome({}, frozenset(range(len(rows))), "some of these are too large")
        self.committed += numbers
        self.position = position
        passed = {number for number in self.all if number <= position} - set(self.committed) - set(self.buried)
        expect(
            not passed,
            expected="every row up to the position published or buried",
            came=f"position {position}, and {sorted(passed)} neither",
            look_at="what the position promises",
            hint=2,
        )
        return Outcome()

    async def bury(self, rows: Sequence[OutboxRow], reasons: Sequence[str]) -> None:
        self.buried += [row.position for row in rows]
        self.reasons |= {row.position: reason for row, reason in zip(rows, reasons, strict=True)}


async def published(kafka: Kafka, rows: Sequence[OutboxRow]) -> tuple[list[int], int]:
    came, position = await publish_rows(rows, kafka.publish, kafka.bury)
    return [row.position for row in came], position


async def test_ex3_a_good_batch_is_one_transaction(rng: random.Random) -> None:
    """Without trouble: one transaction, with all rows in order and the position of the last."""
    rows = [a_row(number) for number in sorted(rng.sample(range(1, 500), 20))]
    kafka = Kafka(rows, [], rng)
    came = await published(kafka, rows)
    wanted = ([row.position for row in rows], rows[-1].position)
    expect(
        kafka.tried == [wanted],
        expected="one transaction, all rows and the last position",
        came=f"{len(kafka.tried)}: {kafka.tried}",
        hint=1,
    )
    expect(came == wanted, expected=f"all rows, and position {rows[-1].position}", came=str(came), hint=3)


async def test_ex3_the_refused_are_buried_before_the_position_passes(rng: random.Random) -> None:
    """Refused rows are buried with their own reasons, the others published at once, and the position is the batch's last."""
    rows = [a_row(number) for number in range(1, 13)]
    poison = [*rng.sample(range(1, 12), 2), 12]
    kafka = Kafka(rows, poison, rng, tells=1)
    came, position = await published(kafka, rows)
    good = [number for number in range(1, 13) if number not in poison]
    expect(
        sorted(kafka.buried) == sorted(poison),
        expected=f"{sorted(poison)} buried, each once",
        came=str(sorted(kafka.buried)),
        look_at="what Kafka will never take",
        hint=2,
    )
    wrong = [number for number, reason in kafka.reasons.items() if reason != f"{number} is too large"]
    expect(not wrong, expected="each with its own reason", came=f"{wrong} with another's", hint=3)
    expect(
        came == good == kafka.committed,
        expected=f"{good} published",
        came=f"{kafka.committed}, and it says {came}",
        hint=1,
    )
    expect(
        position == kafka.position == 12,
        expected="position 12: the last row was refused, and is buried",
        came=f"{kafka.position}, and it says {position}",
        look_at="whether the position depends on who is left",
        hint=2,
    )


async def test_ex3_nobody_left(rng: random.Random) -> None:
    """If all are refused, the position still moves over them, in a transaction of its own."""
    rows = [a_row(number) for number in (4, 5, 9)]
    kafka = Kafka(rows, [4, 5, 9], rng, tells=1)
    came, position = await published(kafka, rows)
    expect(
        (sorted(kafka.buried), came) == ([4, 5, 9], []),
        expected="all three buried, none published",
        came=f"{kafka.buried} buried, {came} published",
        hint=2,
    )
    expect(
        position == kafka.position == 9,
        expected="position 9 in Kafka",
        came=f"{kafka.position}, and it says {position}",
        look_at="publish([], position)",
        hint=3,
    )


async def test_ex3_a_group_that_is_refused_as_one_is_halved(rng: random.Random) -> None:
    """When Kafka does not say who it was, the first half is tried, with the position of the last row tried; of three, two."""
    rows = [a_row(number) for number in range(1, 12)]
    kafka = Kafka(rows, [5], rng, tells=0)
    came, position = await published(kafka, rows)
    sizes = [len(numbers) for numbers, _ in kafka.tried]
    expect(
        sizes == [11, 6, 3],
        expected="batches of 11, 6 and 3 tried: the fifth of eleven is poison",
        came=str(sizes),
        look_at="the half that is tried",
        hint=2,
    )
    expect(
        (came, position, kafka.position) == ([1, 2, 3], 3, 3),
        expected="rows 1 to 3 published, position 3",
        came=f"{came}, position {kafka.position}, and it says {position}",
        look_at="the rows that were not tried",
        hint=2,
    )


async def test_ex3_undelivered_is_not_refused(rng: random.Random) -> None:
    """A row that could not be delivered alone is tried again: nobody has said that Kafka will never take it."""

    class Hiccup(Kafka):
        async def publish(self, rows: Sequence[OutboxRow], position: int) -> Outcome:
            if len(self.tried) < 2:
                self.tried.append(([row.position for row in rows], position))
                return Outcome({}, frozenset(range(len(rows))), "not these")
            return await super().publish(rows, position)

    rows = [a_row(7)]
    kafka = Hiccup(rows, [], rng)
    came = await published(kafka, rows)
    expect(
        (came, kafka.buried) == (([7], 7), []),
        expected="row 7 published at the third try, and nobody buried",
        came=f"{came}, {kafka.buried} buried",
        look_at="what becomes of half of one",
        hint=2,
    )


@pytest.mark.parametrize("tells", [0.0, 0.5, 1.0])
async def test_ex3_each_once_in_order_whatever_is_refused(rng: random.Random, tells: float) -> None:
    """Called until nothing is left: each good row once and in order, each poisoned one buried once, no position too far."""
    for _ in range(40):
        numbers = sorted(rng.sample(range(1, 200), 30))
        rows = [a_row(number) for number in numbers]
        kafka = Kafka(rows, rng.sample(numbers, rng.randint(0, 8)), rng, tells=tells)
        left = rows
        while left:
            batch = [row for row in left if row.position not in kafka.buried][: rng.randint(1, 12)]
            if not batch:
                break
            _, position = await published(kafka, batch)
            left = [row for row in left if row.position > position]
        good = [number for number in numbers if number not in kafka.poison]
        expect(
            kafka.committed == good,
            expected=f"{len(good)} rows, each once, in order",
            came=f"{len(kafka.committed)} ({len(set(kafka.committed))} different)",
            hint=1,
        )
        expect(
            sorted(kafka.buried) == sorted(kafka.poison),
            expected=f"{sorted(kafka.poison)} buried, each once",
            came=str(sorted(kafka.buried)),
            hint=2,
        )


async def test_ex3_what_is_not_known_is_not_guessed(rng: random.Random) -> None:
    """An error from the transaction comes through: nobody knows whether it has committed, and nothing is tried again."""

    class Broken(Kafka):
        async def publish(self, rows: Sequence[OutboxRow], position: int) -> Outcome:
            self.tried.append(([], position))
            raise ConnectionError("is it committed?")

    rows = [a_row(number) for number in range(1, 6)]
    kafka = Broken(rows, [], rng)
    try:
        await publish_rows(rows, kafka.publish, kafka.bury)
        failed = None
    except ConnectionError as error:
        failed = error
    expect(failed is not None, expected="the error itself", came="none", hint=1)
    expect(
        (len(kafka.tried), kafka.buried) == (1, []),
        expected="one attempt, nobody buried",
        came=f"{len(kafka.tried)} attempts, {kafka.buried} buried",
        look_at="what might be in Kafka already",
        hint=1,
    )
