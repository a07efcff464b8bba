"""Lesson m01.16: bad rows are set aside once, and brought back once."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from ingestion.errors import TransientError
from ingestion.record import Batch, Record, Reject
from ingestion.store.database import Connection, Pool, migrate, open_pool, transaction
from ingestion.store.dead_letters import DeadLetter, Redriven, letter_id, redrive, revive_each
from workbook.grading import expect
from workbook.stack.databases import fresh_database

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def a_reject(rng: random.Random, **fields: Any) -> Reject:
    given = {
        "source": "shop",
        "stream": "orders",
        "raw": rng.randbytes(40),
        "reason": "no id",
        "ordinal": rng.randrange(500),
    }
    return Reject(**{**given, **fields})


def test_ex1_the_same_trouble_wherever_it_is_found(rng: random.Random) -> None:
    """Neither the place in the page nor what is said of it makes another letter."""
    reject = a_reject(rng)
    for field, other in (("ordinal", reject.ordinal + 12), ("reason", "ValueError: no id"), ("reason", "")):
        again = letter_id(msgspec.structs.replace(reject, **{field: other}))
        expect(
            again == letter_id(reject),
            expected=f"one identity for two rejects that differ in {field} only",
            came="two",
            look_at=f"what makes {field} differ although the row is the same",
            hint=1,
        )


def test_ex1_other_trouble_is_another_letter(rng: random.Random) -> None:
    """Another source, stream, or bytes, even by one bit, is another letter."""
    reject = a_reject(rng)
    flipped = bytes([reject.raw[0] ^ 1]) + reject.raw[1:]
    for field, other in (
        ("source", "store"),
        ("stream", "refunds"),
        ("raw", flipped),
        ("raw", reject.raw + b"\0"),
        ("raw", reject.raw + b"\n"),
        ("raw", b" " + reject.raw),
        ("raw", reject.raw.upper()),
        ("raw", b""),
    ):
        again = letter_id(msgspec.structs.replace(reject, **{field: other}))
        expect(
            again != letter_id(reject),
            expected=f"two identities for rejects that differ in {field}",
            came="one",
            look_at="what goes into the hash",
            hint=2,
        )


def test_ex1_the_seams_do_not_shift(rng: random.Random) -> None:
    """What one part ends with cannot be taken for the start of the next, whatever characters they hold."""
    marks = ["", "/", ":", "\0", "|", ",", "\n", "\x1f", ".", "-", "_", " ", "\t", "::", "1:", "\\"]
    for mark in rng.sample(marks, len(marks)):
        one = a_reject(rng, source=f"ab{mark}", stream="c", raw=b"d")
        other = a_reject(rng, source="a", stream=f"b{mark}c", raw=b"d")
        third = a_reject(rng, source="ab", stream=f"{mark}c", raw=b"d")
        fourth = a_reject(rng, source="ab", stream="", raw=f"{mark}cd".encode())
        fifth = a_reject(rng, source=f"a{mark}b", stream="c", raw=b"d")
        sixth = a_reject(rng, source="a", stream=f"b{mark}c{mark}d", raw=b"")
        parts = [one, other, third, fourth, fifth, sixth]
        different = {(part.source, part.stream, part.raw) for part in parts}
        expect(
            len({letter_id(part) for part in parts}) == len(different),
            expected=f"{len(different)} identities for {len(different)} rejects whose parts join to much the same text ({mark!r} between them)",
            came=f"{len({letter_id(part) for part in parts})}",
            look_at="how a reader of the joined bytes would know where a part ends",
            hint=2,
        )


def test_ex1_thirty_two_bytes_for_any_text(rng: random.Random) -> None:
    """Half a surrogate pair in a name is no reason to lose the row."""
    try:
        identity: object = letter_id(a_reject(rng, source="sh\ud83dop", stream="ord\0ers"))
    except UnicodeError as error:
        identity = f"{type(error).__name__}: {error}"
    expect(
        isinstance(identity, bytes) and len(identity) == 32,
        expected="32 bytes for a name with half a surrogate pair",
        came=identity,
        look_at="the errors argument of encode",
        hint=2,
    )


def a_letter(number: int, raw: bytes = b"{}", **fields: Any) -> DeadLetter:
    given: dict[str, Any] = {
        "id": number,
        "source": "shop",
        "stream": "orders",
        "raw": raw,
        "raw_size_bytes": len(raw),
        "reason": "no id",
    }
    given |= {"ordinal": number, "schema_version": "", "state": "parked", "attempts": 0, "parked_at": NOON}
    return DeadLetter(**{**given, **fields})


def a_record(number: int) -> Record:
    return Record.of("shop", "orders", f"order {number}", {"n": number}, NOON)


def fails_on(*numbers: int, error: BaseException) -> Callable[[DeadLetter], Record]:
    def revive(letter: DeadLetter) -> Record:
        if letter.ordinal in numbers:
            raise error
        return a_record(letter.ordinal)

    return revive


@pytest.mark.parametrize(
    "error",
    [
        KeyError("total"),
        ValueError("no date"),
        ZeroDivisionError("division"),
        RecursionError("deep"),
        AttributeError("x"),
    ],
    ids=repr,
)
def test_ex2_one_bad_letter_holds_up_nobody(rng: random.Random, error: Exception) -> None:
    """Whatever a letter trips is its own refusal; the others are revived, in order, and the reason says type and text."""
    bad = rng.randrange(9)
    try:
        records, refused = revive_each([a_letter(number) for number in range(10)], fails_on(bad, error=error))
    except type(error) as escaped:
        expect(
            False,
            expected=f"a {type(error).__name__} of letter {bad} to be its refusal",
            came=f"it escaped: {escaped!r}",
            look_at="which exceptions a bug can raise",
            hint=2,
        )
    expect(
        [record.key for record in records] == [f"order {n}" for n in range(10) if n != bad],
        expected="the 9 other records, in order",
        came=[record.key for record in records],
        look_at="what happens after a refusal",
        hint=1,
    )
    expect(list(refused) == [bad], expected=f"letter {bad} refused", came=refused, hint=1)
    reason = refused[bad]
    expect(
        type(error).__name__ in reason and str(error) in reason,
        expected=f"a reason with {type(error).__name__} and {error}",
        came=reason,
        look_at="what str() of a KeyError is",
    )


@pytest.mark.parametrize(
    "error",
    [TransientError("the database restarts"), TimeoutError(), ConnectionResetError("reset"), OSError("disk")],
    ids=repr,
)
def test_ex2_a_bad_moment_is_not_a_bad_letter(rng: random.Random, error: Exception) -> None:
    """TransientError and every OSError come out as they are, and refuse nothing."""
    try:
        came: object = revive_each([a_letter(number) for number in range(5)], fails_on(rng.randrange(5), error=error))
    except type(error) as escaped:
        expect(escaped is error, expected="the error as it was raised", came=repr(escaped))
        return
    expect(
        False,
        expected=f"{type(error).__name__} to come out: it says nothing about the letter",
        came=came,
        look_at="the order of the except clauses",
        hint=2,
    )


def test_ex2_two_letters_of_one_row_are_two_records() -> None:
    """Every letter that can be revived gives its record, also where two are versions of one row."""
    records, refused = revive_each([a_letter(1), a_letter(2), a_letter(3)], lambda letter: a_record(letter.id // 2))
    came = ([record.key for record in records], refused)
    expect(
        came == (["order 0", "order 1", "order 1"], {}),
        expected="three records from three letters, two of which are of order 1",
        came=came,
        look_at="what the records are kept in; which of two is newer is for landing to say",
        hint=2,
    )


@pytest.mark.parametrize("stop", [asyncio.CancelledError(), KeyboardInterrupt()], ids=repr)
def test_ex2_an_order_to_stop_stops(stop: BaseException) -> None:
    """Cancellation and Ctrl-C are no refusals."""
    try:
        came: object = revive_each([a_letter(0), a_letter(1)], fails_on(0, error=stop))
    except (asyncio.CancelledError, KeyboardInterrupt):
        return
    expect(
        False, expected=f"{type(stop).__name__} to come out", came=came, look_at="how wide the widest except is", hint=2
    )


def test_ex2_what_is_not_whole_is_not_tried() -> None:
    """A letter of which only the beginning was kept is refused without calling revive: half a row may parse."""
    tried: list[int] = []

    def revive(letter: DeadLetter) -> Record:
        tried.append(letter.id)
        return a_record(letter.id)

    records, refused = revive_each([a_letter(1, b"123", raw_size_bytes=2_000_000), a_letter(2)], revive)
    came = ([record.key for record in records], list(refused), tried)
    expect(
        came == (["order 2"], [1], [2]),
        expected="letter 1 (3 of 2,000,000 bytes kept) refused and not tried, letter 2 revived",
        came=came,
        look_at="raw_size_bytes",
    )


@pytest.fixture(scope="module")
def migrated(stack: Mapping[str, str]) -> Iterator[str]:
    async def prepare() -> None:
        async with open_pool(url, max_connections=1) as pool:
            await migrate(pool)
            async with transaction(pool) as connection:
                await connection.execute("CREATE TABLE landed (stream text, key text)")

    with fresh_database(stack["DB_URL"]) as url:
        asyncio.run(prepare())
        yield url


@pytest.fixture
async def pool(migrated: str) -> AsyncIterator[Pool]:
    async with open_pool(migrated, max_connections=6) as pool:
        yield pool


@pytest.fixture
def stream() -> str:
    """A stream of the test's own, so that tests share the tables and no letters."""
    return f"orders {uuid4()}"


async def parked(pool: Pool, stream: str, count: int, *, attempts: int = 0) -> None:
    statement = """
        INSERT INTO ingestion.dead_letters
            (fingerprint, source, stream, raw, raw_size_bytes, reason, ordinal, schema_version, state, attempts)
        SELECT sha256(convert_to(%(stream)s || n, 'UTF8')), 'shop', %(stream)s, '{}', 2, 'no id', n, '', 'parked', %(attempts)s
        FROM generate_series(0, %(count)s - 1) AS n"""
    async with transaction(pool) as connection:
        await connection.execute(statement, {"stream": stream, "count": count, "attempts": attempts})


async def states(pool: Pool, stream: str) -> dict[str, int]:
    async with transaction(pool) as connection:
        statement = "SELECT state, count(*)::int FROM ingestion.dead_letters WHERE stream = %s GROUP BY state"
        return dict(await (await connection.execute(statement, [stream])).fetchall())


async def attempts(pool: Pool, stream: str) -> list[int]:
    async with transaction(pool) as connection:
        statement = "SELECT attempts FROM ingestion.dead_letters WHERE stream = %s ORDER BY ordinal"
        return [count for (count,) in await (await connection.execute(statement, [stream])).fetchall()]


async def landed(pool: Pool, stream: str) -> list[str]:
    async with transaction(pool) as connection:
        rows = await (
            await connection.execute("SELECT key FROM landed WHERE stream = %s ORDER BY key", [stream])
        ).fetchall()
    return [key for (key,) in rows]


def lander(stream: str) -> Callable[[Connection, Batch], Awaitable[object]]:
    """A stand-in for landing: one row a record, doubles and all."""

    async def land(connection: Connection, batch: Batch) -> None:
        for record in batch.records:
            await connection.execute("INSERT INTO landed VALUES (%s, %s)", [stream, record.key])

    return land


def revive(letter: DeadLetter) -> Record:
    return a_record(letter.ordinal)


async def test_ex3_lands_marks_and_counts(pool: Pool, stream: str, rng: random.Random) -> None:
    """What can be revived lands and is marked; what cannot waits, with its attempt counted."""
    bad = sorted(rng.sample(range(8), 3))
    await parked(pool, stream, 8)
    came = await redrive(pool, "shop", stream, revive=fails_on(*bad, error=KeyError("total")), land=lander(stream))
    expect(
        came == Redriven(landed=5, refused=3), expected="Redriven(landed=5, refused=3) of 8 letters", came=came, hint=3
    )
    expect(
        await landed(pool, stream) == [f"order {n}" for n in range(8) if n not in bad],
        expected="the 5 orders in the table",
        came=await landed(pool, stream),
        hint=3,
    )
    expect(
        await states(pool, stream) == {"redriven": 5, "parked": 3},
        expected="5 letters redriven, 3 parked",
        came=await states(pool, stream),
        hint=3,
    )
    expect(
        await attempts(pool, stream) == [1] * 8,
        expected="one attempt counted for each letter",
        came=await attempts(pool, stream),
        look_at="the letters that were refused",
        hint=3,
    )


async def test_ex3_twice_is_once(pool: Pool, stream: str) -> None:
    """A second redrive finds nothing to do and lands nothing."""
    await parked(pool, stream, 3)
    await redrive(pool, "shop", stream, revive=revive, land=lander(stream))
    again = await redrive(pool, "shop", stream, revive=revive, land=lander(stream))
    expect(
        again == Redriven(),
        expected="Redriven() the second time: nothing claimed",
        came=again,
        look_at="what the first one left marked",
        hint=3,
    )
    expect(
        len(await landed(pool, stream)) == 3,
        expected="3 orders landed in all",
        came=len(await landed(pool, stream)),
        hint=1,
    )


async def test_ex3_two_at_once_share_the_letters(pool: Pool, stream: str) -> None:
    """A redrive that starts while another lands takes other letters, without waiting, and none lands twice."""
    await parked(pool, stream, 10)
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def slow(connection: Connection, batch: Batch) -> None:
        inside.set()
        await go_on.wait()
        await lander(stream)(connection, batch)

    first = asyncio.create_task(redrive(pool, "shop", stream, revive=revive, land=slow, limit=6))
    waiting = asyncio.create_task(inside.wait())
    await asyncio.wait([first, waiting], return_when=asyncio.FIRST_COMPLETED, timeout=5)
    if first.done():
        waiting.cancel()
        await first
    try:
        async with asyncio.timeout(3):
            second: object = await redrive(pool, "shop", stream, revive=revive, land=lander(stream))
    except TimeoutError:
        second = "it waited for the first"
    go_on.set()
    came = (await first, second)
    expect(
        came == (Redriven(landed=6), Redriven(landed=4)),
        expected="6 letters landed by the first and the other 4 by the second",
        came=came,
        look_at="who claims, and with which lock",
        hint=3,
    )
    expect(
        len(await landed(pool, stream)) == 10, expected="10 orders landed", came=len(await landed(pool, stream)), hint=1
    )


async def test_ex3_a_crash_leaves_everything_as_it_was(pool: Pool, stream: str) -> None:
    """Killed after landing and before the end: no row, no mark, no attempt, and no exception swallowed."""
    await parked(pool, stream, 4)
    for error in (ConnectionError("killed"), TransientError("restarting")):

        async def dies(connection: Connection, batch: Batch, error: Exception = error) -> None:
            await lander(stream)(connection, batch)
            raise error

        try:
            await redrive(pool, "shop", stream, revive=revive, land=dies)
            came: object = "no exception"
        except (ConnectionError, TransientError) as raised:
            came = raised
        expect(
            came is error,
            expected=f"what landing raised, {type(error).__name__}, to come out",
            came=came,
            look_at="what is caught on the way",
            hint=2,
        )
        after = (await landed(pool, stream), await states(pool, stream), await attempts(pool, stream))
        expect(
            after == ([], {"parked": 4}, [0] * 4),
            expected="no row landed, 4 letters parked, no attempt counted",
            came=after,
            look_at="how many transactions there are",
            hint=2,
        )


async def test_ex3_settling_is_part_of_it(pool: Pool, stream: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed while it settles: no row, no mark, no attempt either."""
    await parked(pool, stream, 2)

    async def dies(*_: object) -> Redriven:
        raise ConnectionError("killed")

    monkeypatch.setattr("ingestion.store.dead_letters.settle", dies)
    with contextlib.suppress(ConnectionError):
        await redrive(pool, "shop", stream, revive=revive, land=lander(stream))
    after = (await landed(pool, stream), await states(pool, stream), await attempts(pool, stream))
    expect(
        after == ([], {"parked": 2}, [0] * 2),
        expected="no row landed, 2 letters parked, no attempt counted, when it dies in `settle`",
        came=after,
        look_at="where the transaction ends",
        hint=2,
    )


async def test_ex3_nobody_sees_half_of_it(pool: Pool, stream: str) -> None:
    """Until the rows are committed, the letters are parked for everyone else."""
    await parked(pool, stream, 2)
    seen: list[object] = []

    async def looks(connection: Connection, batch: Batch) -> None:
        await lander(stream)(connection, batch)
        seen.append((await landed(pool, stream), await states(pool, stream)))

    await redrive(pool, "shop", stream, revive=revive, land=looks)
    expect(
        seen == [([], {"parked": 2})],
        expected="nothing visible from outside while it lands",
        came=seen,
        look_at="how many transactions there are",
        hint=2,
    )


async def test_ex3_a_passing_failure_counts_for_nothing(pool: Pool, stream: str) -> None:
    """A transient error in the middle of reviving comes out, and no letter has used up an attempt."""
    await parked(pool, stream, 3)
    try:
        await redrive(pool, "shop", stream, revive=fails_on(1, error=TransientError("restarting")), land=lander(stream))
        came = "no exception"
    except TransientError:
        came = "TransientError"
    after = (came, await landed(pool, stream), await attempts(pool, stream))
    expect(
        after == ("TransientError", [], [0, 0, 0]),
        expected="TransientError, nothing landed, no attempt counted",
        came=after,
        look_at="what is caught on the way",
        hint=2,
    )


async def test_ex3_what_the_database_refuses_stays_parked(pool: Pool, stream: str) -> None:
    """A record that landing parks anew is not marked as redriven afterwards: that would lose it."""
    await parked(pool, stream, 3)

    async def refuses_one(connection: Connection, batch: Batch) -> None:
        statement = "UPDATE ingestion.dead_letters SET state = 'parked' WHERE stream = %s AND ordinal = 1 AND state = 'redriven'"
        await connection.execute(statement, [stream])
        await lander(stream)(connection, Batch(tuple(record for record in batch.records if record.key != "order 1")))

    came = await redrive(pool, "shop", stream, revive=revive, land=refuses_one)
    expect(
        await states(pool, stream) == {"redriven": 2, "parked": 1},
        expected="2 letters redriven, and the refused one parked",
        came=await states(pool, stream),
        look_at="what is marked before landing and what after",
        hint=3,
    )
    expect(came == Redriven(landed=2, refused=1), expected="Redriven(landed=2, refused=1)", came=came, hint=3)


async def test_ex3_refused_too_often_goes_to_quarantine(pool: Pool, stream: str, rng: random.Random) -> None:
    """At max_attempts refusals a letter is quarantined, and claimed no more."""
    most = rng.randrange(2, 5)
    await parked(pool, stream, 2)
    never = fails_on(0, 1, error=KeyError("total"))
    came = [
        await redrive(pool, "shop", stream, revive=never, land=lander(stream), max_attempts=most)
        for _ in range(most + 1)
    ]
    wanted = [Redriven(refused=2)] * (most - 1) + [Redriven(quarantined=2), Redriven()]
    expect(
        came == wanted,
        expected=f"2 letters refused {most - 1} times, then quarantined, then left alone (max_attempts={most})",
        came=came,
        look_at="whether an attempt is counted for a refusal",
        hint=3,
    )


async def test_ex3_nothing_to_land_nothing_landed(pool: Pool, stream: str) -> None:
    """Without a record, landing is not called: not for refused letters, not for none."""
    calls: list[Batch] = []

    async def counts(connection: Connection, batch: Batch) -> None:
        calls.append(batch)

    came = [await redrive(pool, "shop", stream, revive=revive, land=counts)]
    await parked(pool, stream, 2)
    came.append(await redrive(pool, "shop", stream, revive=fails_on(0, 1, error=KeyError("total")), land=counts))
    expect(
        came == [Redriven(), Redriven(refused=2)], expected="Redriven(), then Redriven(refused=2)", came=came, hint=3
    )
    expect(
        not calls,
        expected="no call of land without a record",
        came=f"{len(calls)} calls",
        look_at="the question before landing",
        hint=3,
    )


async def test_ex3_joins_the_callers_transaction(pool: Pool, stream: str) -> None:
    """Given a connection, it commits with its caller or not at all."""
    await parked(pool, stream, 2)
    with pytest.raises(ZeroDivisionError):
        async with transaction(pool) as connection:
            came = await redrive(connection, "shop", stream, revive=revive, land=lander(stream), limit=1)
            expect(
                came == Redriven(landed=1),
                expected="Redriven(landed=1) with limit=1 and 2 letters parked",
                came=came,
                look_at="limit",
                hint=3,
            )
            raise ZeroDivisionError
    after = (await landed(pool, stream), await states(pool, stream))
    expect(
        after == ([], {"parked": 2}),
        expected="nothing left after the caller rolled back",
        came=after,
        look_at="door",
        hint=2,
    )
