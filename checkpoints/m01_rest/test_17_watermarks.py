"""Lesson m01.17: a mark that is true, never moves back, commits with its rows, and belongs to one run at a time."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from psycopg.pq import TransactionStatus

from ingestion.record import Record
from ingestion.store.database import Connection, Pool, migrate, open_pool, transaction
from ingestion.store.watermarks import SourceBusyError, Watermark, advance, lock_id, store_if_later, take_source
from workbook.grading import expect
from workbook.stack.databases import fresh_database

SOON_S = 2.0


@pytest.fixture
def noon(rng: random.Random) -> datetime:
    """Some moment of the day, to the microsecond."""
    return datetime(2026, 11, 23, 12, tzinfo=UTC) + timedelta(
        seconds=rng.randrange(10**6), microseconds=rng.randrange(10**6)
    )


def a_record(at: datetime, key: str = "ord_000001") -> Record:
    return Record.of("shop", "orders", key, {"id": key}, at)


def a_mark(at: datetime, key: str = "", *, stream: str = "orders") -> Watermark:
    return Watermark("shop", stream, at, key)


def shown(mark: Watermark | None, noon: datetime) -> str:
    """A mark in words: seconds from noon, and the key."""
    return "none" if mark is None else f"{(mark.updated_at - noon).total_seconds():+g} s, key {mark.key!r}"


def expect_mark(
    came: Watermark | None, wanted: Watermark, noon: datetime, *, when: str, look_at: str, hint: int = 2
) -> None:
    expect(
        came == wanted,
        expected=f"the mark at {shown(wanted, noon)} {when}",
        came=shown(came, noon),
        look_at=look_at,
        hint=hint,
    )


def test_ex1_the_latest_row_wherever_it_stands(noon: datetime, rng: random.Random) -> None:
    """The latest of all rows becomes the mark, in whatever order they come, even from something that is read only once."""
    until = noon + timedelta(days=1)
    for _ in range(20):
        ages = rng.sample(range(1, 5000), 30)
        records = [a_record(noon + timedelta(seconds=age), f"ord_{age:06}") for age in ages]
        wanted = a_mark(noon + timedelta(seconds=max(ages)), f"ord_{max(ages):06}")
        came = advance(a_mark(noon), (record for record in records), until)
        expect_mark(
            came, wanted, noon, when="after 30 rows in no order, from a generator", look_at="which of the rows decides"
        )


def test_ex1_equal_instants_are_told_apart_by_their_keys(noon: datetime) -> None:
    """Among rows of one instant the longer key is later, and among keys of one length the alphabet decides."""
    until = noon + timedelta(hours=1)
    for keys, latest in (
        (["9", "10"], "10"),
        (["10", "9"], "10"),
        (["ord_12", "ord_11"], "ord_12"),
        (["b", "aa"], "aa"),
    ):
        came = advance(a_mark(noon), [a_record(noon, key) for key in keys], until)
        expect_mark(
            came,
            a_mark(noon, latest),
            noon,
            when=f"after rows of one instant with the keys {keys}",
            look_at="how keys of unequal length compare",
            hint=2,
        )


def test_ex1_never_back(noon: datetime, rng: random.Random) -> None:
    """Rows that are all older than the mark leave it where it is."""
    mark = a_mark(noon, "ord_000500")
    older = [a_record(noon - timedelta(seconds=rng.randrange(1, 1000)), f"ord_{number:06}") for number in range(20)]
    came = advance(mark, [*older, a_record(noon, "ord_000499")], noon + timedelta(hours=1))
    expect_mark(
        came,
        mark,
        noon,
        when="after rows of its lookback, all of them older",
        look_at="whether the mark itself is a candidate",
    )


def test_ex1_no_rows_no_move(noon: datetime) -> None:
    """Nothing came, so nothing was learnt: the mark stays, whatever the server's clock says."""
    mark = a_mark(noon, "k")
    came = advance(mark, [], noon + timedelta(hours=8))
    expect_mark(
        came,
        mark,
        noon,
        when="after a run that brought nothing",
        look_at="rows that are being committed at this moment",
        hint=1,
    )


def test_ex1_the_future_is_cut_off_at_the_servers_clock(noon: datetime, rng: random.Random) -> None:
    """A row dated after `until` moves the mark to `until`, without a key, however many honest rows come with it."""
    until = noon + timedelta(seconds=rng.randrange(1000, 5000))
    honest = [a_record(noon + timedelta(seconds=rng.randrange(900)), f"ord_{number:06}") for number in range(9)]
    for at in (until + timedelta(microseconds=1), datetime(2099, 1, 1, tzinfo=UTC)):
        for records in ([*honest, a_record(at, "x")], [a_record(at, "x")]):
            rng.shuffle(records)
            came = advance(a_mark(noon, "k"), records, until)
            expect_mark(
                came,
                a_mark(until),
                noon,
                when=f"(`until`) after a row dated {at:%Y}",
                look_at="what a run would skip that starts behind this mark",
                hint=1,
            )
    for zone in (ZoneInfo("America/New_York"), timezone(timedelta(hours=9))):
        came = advance(a_mark(noon, "k"), [a_record(datetime(2099, 1, 1, tzinfo=UTC), "x")], until.astimezone(zone))
        expect_mark(
            came,
            a_mark(until),
            noon,
            when=f"(`until`, given in {zone}) after a row dated 2099",
            look_at="what is done to the time zone of `until`",
            hint=2,
        )
    came = advance(a_mark(until + timedelta(seconds=5), "k"), [a_record(datetime(2099, 1, 1, tzinfo=UTC), "x")], until)
    expect_mark(
        came,
        a_mark(until + timedelta(seconds=5), "k"),
        noon,
        when="(beyond `until` before) after a row from 2099",
        look_at="whether the clamp can move a mark back",
    )


def test_ex1_a_row_dated_exactly_at_the_bound_is_no_future(noon: datetime) -> None:
    """A row dated at `until` is within it: the mark takes its key."""
    came = advance(a_mark(noon), [a_record(noon + timedelta(seconds=9), "k")], noon + timedelta(seconds=9))
    expect_mark(
        came,
        a_mark(noon + timedelta(seconds=9), "k"),
        noon,
        when="after a row dated exactly at `until`",
        look_at="after, or not before",
    )


def test_ex1_instants_and_not_the_clock_on_the_wall(noon: datetime) -> None:
    """Rows compare as instants: with other offsets, and in the hour that a zone's clocks show twice."""
    east = timezone(timedelta(hours=9))
    earlier, later = noon.astimezone(east), noon + timedelta(seconds=1)
    came = advance(
        a_mark(noon - timedelta(days=1)), [a_record(earlier, "east"), a_record(later, "utc")], noon + timedelta(days=1)
    )
    expect_mark(
        came,
        a_mark(later, "utc"),
        noon,
        when="after rows written in two time zones",
        look_at="what is compared: instants or digits",
    )
    berlin, night = ZoneInfo("Europe/Berlin"), datetime(2026, 10, 25, tzinfo=UTC)
    summer = datetime(2026, 10, 25, 2, 45, tzinfo=berlin, fold=0)  # 00:45 UTC
    winter = datetime(2026, 10, 25, 2, 15, tzinfo=berlin, fold=1)  # 01:15 UTC
    came = advance(a_mark(night), [a_record(summer, "summer"), a_record(winter, "winter")], night + timedelta(days=1))
    expect(
        came == a_mark(winter, "winter"),
        expected="02:15 after the clocks went back to be later than 02:45 before, in Berlin",
        came=f"a mark at {came.updated_at:%H:%M} UTC, key {came.key!r}",
        look_at="how Python compares two datetimes that share their time zone",
        hint=3,
    )


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
    async with open_pool(migrated, max_connections=6) as pool:
        yield pool


@pytest.fixture
def stream() -> str:
    """A stream of the test's own, so that tests share the tables and no rows."""
    return f"orders {uuid4()}"


async def save(pool: Pool, mark: Watermark) -> None:
    async with transaction(pool) as connection:
        await store_if_later(connection, mark)


async def stored(pool: Pool, stream: str) -> Watermark | None:
    async with transaction(pool) as connection:
        return await Watermark.load(connection, "shop", stream)


async def test_ex2_the_latest_of_all_saved_stands(pool: Pool, stream: str, noon: datetime, rng: random.Random) -> None:
    """In whatever order marks are saved, the latest one stands: by instant, then by length of key, then by the alphabet."""
    second = timedelta(seconds=1)
    ordered = [
        a_mark(noon - second, "zzz", stream=stream),
        a_mark(noon, stream=stream),
        a_mark(noon, "9", stream=stream),
        a_mark(noon, "10", stream=stream),
        a_mark(noon, "éé", stream=stream),
        a_mark(noon, "100", stream=stream),
        a_mark(noon, "ord_1", stream=stream),
        a_mark(noon, "ord_2", stream=stream),
        a_mark(noon + timedelta(microseconds=1), "a", stream=stream),
    ]
    saved: list[int] = []
    for number in rng.sample(range(len(ordered)), len(ordered)):
        await save(pool, ordered[number])
        saved.append(number)
        expect_mark(
            await stored(pool, stream),
            ordered[max(saved)],
            noon,
            when=f"after saving {', then '.join(shown(ordered[each], noon) for each in saved)}",
            look_at="which marks may replace the one that is there",
        )
    for earlier, later in itertools.pairwise(ordered):
        other = later.stream + earlier.key + later.key
        for mark in (earlier, later, earlier):
            await save(pool, a_mark(mark.updated_at, mark.key, stream=other))
        expect_mark(
            await stored(pool, other),
            a_mark(later.updated_at, later.key, stream=other),
            noon,
            when=f"with {shown(earlier, noon)} saved before it and after it",
            look_at="an older mark, saved by a slower run",
        )


async def test_ex2_says_when_it_was_saved(pool: Pool, stream: str, noon: datetime) -> None:
    """`saved_at` is the time of the transaction that saved the mark which stands."""
    for seconds in (1, 2):
        async with transaction(pool) as connection:
            await store_if_later(connection, a_mark(noon + timedelta(seconds=seconds), stream=stream))
            statement = "SELECT saved_at - now() FROM ingestion.watermarks WHERE source = 'shop' AND stream = %s"
            row = await (await connection.execute(statement, [stream])).fetchone()
        came = None if row is None else row[0].total_seconds()
        expect(
            came == 0,
            expected=f"`saved_at` to be now() after mark {seconds} of 2 was saved",
            came="no row" if came is None else f"{came:g} s from it",
            look_at="the columns that DO UPDATE sets",
            hint=3,
        )


@pytest.mark.parametrize("known", [True, False], ids=["known", "new"])
async def test_ex2_at_the_same_time_as_another(pool: Pool, stream: str, noon: datetime, known: bool) -> None:
    """A run that saves an older mark while another saves a later one changes nothing, nor fails."""
    if known:
        await save(pool, a_mark(noon, stream=stream))
    earlier, later = (a_mark(noon + timedelta(seconds=seconds), stream=stream) for seconds in (3, 9))
    async with pool.connection() as fast:
        async with transaction(fast):
            await store_if_later(fast, later)
            slow = asyncio.create_task(save(pool, earlier))  # it waits for the row that is not committed yet
            await asyncio.sleep(0.05)
        failed = (await asyncio.gather(slow, return_exceptions=True))[0]
    expect(
        failed is None,
        expected="no error for the run that comes second",
        came=f"{type(failed).__name__}: {failed}",
        look_at="two runs that both insert",
        hint=2,
    )
    expect_mark(
        await stored(pool, stream),
        later,
        noon,
        when="after two runs saved at the same time, the later mark first",
        look_at="the time between looking and writing",
        hint=2,
    )


async def test_ex2_in_the_callers_transaction(pool: Pool, stream: str, noon: datetime) -> None:
    """The mark stands or falls with the transaction that lands the rows: nothing is committed on the way."""
    await save(pool, a_mark(noon, stream=stream))
    async with pool.connection() as connection:
        try:
            async with transaction(connection):
                await store_if_later(connection, a_mark(noon + timedelta(seconds=5), stream=stream))
                status = connection.info.transaction_status
                raise KeyError("the rows cannot land")
        except KeyError:
            pass
    expect(
        status == TransactionStatus.INTRANS,
        expected="the caller's transaction still open after saving",
        came=status.name,
        look_at="who commits",
        hint=2,
    )
    expect_mark(
        await stored(pool, stream),
        a_mark(noon, stream=stream),
        noon,
        when="after the transaction was rolled back",
        look_at="who commits",
    )


async def test_ex2_other_streams_are_left_alone(pool: Pool, stream: str, noon: datetime) -> None:
    """Each stream of each source has a mark of its own."""
    await save(pool, a_mark(noon, "k", stream=stream))
    await save(pool, a_mark(noon + timedelta(hours=1), stream=f"{stream} refunds"))
    await save(pool, Watermark("another shop", stream, noon + timedelta(hours=1)))
    expect_mark(
        await stored(pool, stream),
        a_mark(noon, "k", stream=stream),
        noon,
        when="after later marks of other streams were saved",
        look_at="the columns of ON CONFLICT",
    )


async def is_refused(connection: Connection, stream: str) -> SourceBusyError | None:
    """The refusal of another session that asks for the stream; a lock that it gets is given back."""
    try:
        async with asyncio.timeout(SOON_S):
            await take_source(connection, "shop", stream)
    except SourceBusyError as error:
        return error
    except TimeoutError:
        await connection.close()
        expect(
            False,
            expected="an answer at once",
            came=f"none within {SOON_S:g} s",
            look_at="which of the lock functions waits",
            hint=2,
        )
    await connection.execute("SELECT pg_advisory_unlock_all()")
    await connection.commit()
    return None


async def test_ex3_a_second_session_is_refused_at_once(pool: Pool, stream: str) -> None:
    """While one session holds the stream, another gets an answer at once, which names the stream and the holder."""
    async with pool.connection() as one, pool.connection() as two:
        lock = await take_source(one, "shop", stream)
        expect(lock == lock_id("shop", stream), expected="the number that lock_id gives", came=lock, hint=2)
        refusal = await is_refused(two, stream)
        expect(
            refusal is not None,
            expected="SourceBusyError for the second session",
            came="the lease",
            look_at="what the lock function answers",
            hint=2,
        )
        for part in (f"shop.{stream}", str(one.info.backend_pid)):
            expect(
                part in str(refusal),
                expected=f"a message that names {part}",
                came=str(refusal),
                look_at="who has to be found at three in the morning",
                hint=2,
            )
        expect(
            await is_refused(two, stream + "!") is None,
            expected="another stream to be free",
            came="refused",
            look_at="which lock is taken",
            hint=3,
        )
        await one.execute("SELECT pg_advisory_unlock_all()")


async def test_ex3_the_same_session_is_refused_as_well(pool: Pool, stream: str) -> None:
    """A session that holds the stream is refused too, and one unlock is enough afterwards."""
    async with pool.connection() as one, pool.connection() as two:
        lock = await take_source(one, "shop", stream)
        try:
            await take_source(one, "shop", stream)
            came = "the lease, a second time"
        except SourceBusyError:
            came = "SourceBusyError"
        expect(
            came == "SourceBusyError",
            expected="SourceBusyError for the session that holds it",
            came=came,
            look_at="what Postgres does when a session asks for its own lock",
            hint=2,
        )
        await one.execute("SELECT pg_advisory_unlock(%s)", [lock])
        expect(
            await is_refused(two, stream) is None,
            expected="the stream free after one unlock",
            came="still held",
            look_at="how often the lock was taken",
            hint=2,
        )


async def test_ex3_it_outlives_the_runs_transactions(pool: Pool, stream: str) -> None:
    """Commits and rollbacks of the session leave the lease with it."""
    async with pool.connection() as one, pool.connection() as two:
        await take_source(one, "shop", stream)
        await one.commit()
        async with transaction(one):
            await one.execute("SELECT 1")
        await one.rollback()
        expect(
            await is_refused(two, stream) is not None,
            expected="the lease held after the first commit",
            came="free",
            look_at="locks of a transaction and locks of a session",
            hint=2,
        )
        await one.execute("SELECT pg_advisory_unlock_all()")


async def test_ex3_no_transaction_is_left_open(pool: Pool, stream: str) -> None:
    """Neither the lease nor a refusal leaves a transaction open, in which all landings would stay uncommitted."""
    async with pool.connection() as one, pool.connection() as two:
        await take_source(one, "shop", stream)
        expect(
            one.info.transaction_status == TransactionStatus.IDLE,
            expected="no open transaction after taking the lease",
            came=one.info.transaction_status.name,
            look_at="what a bare execute begins",
            hint=2,
        )
        await is_refused(two, stream)
        expect(
            two.info.transaction_status == TransactionStatus.IDLE,
            expected="no open transaction after a refusal",
            came=two.info.transaction_status.name,
            look_at="where the error is raised",
            hint=2,
        )
        await one.execute("SELECT pg_advisory_unlock_all()")


async def test_ex3_a_session_that_ends_sets_it_free(migrated: str, pool: Pool, stream: str) -> None:
    """A run that dies, however, needs no clean-up: the next one has the stream at once."""
    async with open_pool(migrated, max_connections=1) as doomed, doomed.connection() as one, pool.connection() as two:
        await take_source(one, "shop", stream)
        await two.execute("SELECT pg_terminate_backend(%s, 2000)", [one.info.backend_pid])
        await two.commit()
        expect(
            await is_refused(two, stream) is None,
            expected="the stream free when the session has ended",
            came="still held",
            look_at="where the lease lives",
            hint=1,
        )


async def test_ex3_of_many_at_once_one_holds(pool: Pool, stream: str) -> None:
    """Of four sessions that ask at the same moment, one gets the stream."""

    async def attempt(connection: Connection) -> bool:
        try:
            await take_source(connection, "shop", stream)
        except SourceBusyError:
            return False
        return True

    async with pool.connection() as a, pool.connection() as b, pool.connection() as c, pool.connection() as d:
        holders = sum(await asyncio.gather(*map(attempt, (a, b, c, d))))
        for each in (a, b, c, d):
            await each.execute("SELECT pg_advisory_unlock_all()")
    expect(
        holders == 1,
        expected="1 of 4 sessions that ask at the same moment to hold the stream",
        came=f"{holders}",
        look_at="the time between looking and taking",
        hint=2,
    )
