"""How far a stream is known to be complete, and who may move that."""

import asyncio
import itertools
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from ingestion.landing import land
from ingestion.record import Batch, Record
from ingestion.store.database import Connection, Pool, open_pool, transaction
from ingestion.store.run_ledger import Run
from ingestion.store.watermarks import Bookmark, SourceBusyError, Watermark, hold_source, upper_bound
from tests.migrated import NOON, order, value, with_pool

RUN = Run.start("shop", "orders", now=lambda: NOON)


def mark(seconds: float, key: str = "") -> Watermark:
    return Watermark("shop", "orders", NOON + timedelta(seconds=seconds), key)


async def save(pool: Pool, position: Watermark | Bookmark) -> None:
    async with transaction(pool) as connection:
        await position.save(connection)


async def stored(pool: Pool) -> Watermark | None:
    async with pool.connection() as connection:
        return await Watermark.load(connection, "shop", "orders")


def test_the_stored_mark_is_the_latest_of_all_saved_in_any_order(db_url: str) -> None:
    """W1: never back, by instant, then by key: numbers as numbers, ids of one length by the alphabet."""
    ordered = [
        mark(-1, "zzz"),
        mark(0),
        mark(0, "9"),
        mark(0, "10"),
        mark(0, "ord_1"),
        mark(0, "ord_2"),
        mark(1e-6),
    ]

    async def scenario(pool: Pool) -> None:
        assert await stored(pool) is None
        for earlier, later in itertools.product(ordered, repeat=2):
            async with transaction(pool) as connection:
                await connection.execute("TRUNCATE ingestion.watermarks")
            await save(pool, earlier)
            await save(pool, later)
            assert await stored(pool) == max(earlier, later, key=ordered.index)

    with_pool(db_url, scenario)


def test_saves_at_once_end_at_the_latest(db_url: str) -> None:
    async def scenario(pool: Pool) -> Watermark | None:
        await asyncio.gather(*(save(pool, mark(seconds)) for seconds in (3, 1, 4, 1, 5, 9, 2, 6)))
        return await stored(pool)

    assert with_pool(db_url, scenario) == mark(9)


def test_the_mark_moves_only_with_its_rows(db_url: str) -> None:
    """W2."""

    async def scenario(pool: Pool) -> None:
        await land(pool, Batch((order(1),), mark(1)), RUN)
        with pytest.raises(KeyError):
            async with transaction(pool) as connection:
                await land(connection, Batch((order(2),), mark(2)), RUN)
                raise KeyError
        assert await stored(pool) == mark(1)

    with_pool(db_url, scenario)


def test_lookback_is_taken_off_when_reading_and_never_stored(db_url: str) -> None:
    """W1, W8: runs with lookback, one after the other, do not walk backwards."""

    async def scenario(pool: Pool) -> Watermark:
        position = mark(0, "k")
        for _ in range(3):
            await save(pool, position.advanced([], until=position.since(600)))
            loaded = await stored(pool)
            assert loaded is not None
            position = loaded
        return position

    position = with_pool(db_url, scenario)
    assert position == mark(0, "k")
    assert position.since(600) == NOON - timedelta(minutes=10)
    assert position.since(0) == NOON
    assert mark(0).since(1e12) == datetime.min.replace(tzinfo=UTC)


@pytest.mark.parametrize("lookback_s", [-1, float("nan")])
def test_a_lookback_that_would_skip_rows_is_refused(lookback_s: float) -> None:
    with pytest.raises(ValueError, match="skip rows"):
        mark(0).since(lookback_s)


def test_the_upper_bound_lags_behind_the_servers_clock() -> None:
    """W5."""
    in_berlin = NOON.astimezone(ZoneInfo("Europe/Berlin"))
    assert upper_bound(in_berlin, lag_s=30) == NOON - timedelta(seconds=30)
    assert upper_bound(in_berlin, lag_s=30).tzinfo is UTC
    for lag_s in (-1, float("nan")):
        with pytest.raises(ValueError, match="future"):
            upper_bound(NOON, lag_s=lag_s)


def test_a_row_from_2099_does_not_poison_the_mark() -> None:
    """W6."""
    far = order(1, version=73 * 365 * 86_400)
    assert mark(0).advanced([order(2, version=3), far], until=NOON + timedelta(seconds=10)) == mark(10)
    assert mark(20, "k").advanced([far], until=NOON + timedelta(seconds=10)) == mark(20, "k")


def test_the_mark_advances_to_the_latest_row_and_not_back() -> None:
    """W1, W12."""
    until = NOON + timedelta(seconds=100)
    assert mark(0).advanced([order(1, version=7), order(2, version=5)], until=until) == mark(7, "ord_000001")
    assert mark(7, "x").advanced([order(1, version=5)], until=until) == mark(7, "x")
    assert mark(7, "x").advanced([], until=until) == mark(7, "x")


def test_instants_compare_as_instants_whatever_their_zone() -> None:
    """W7: `+02:00` and `Z`, and an hour that a zone's clocks show twice."""
    assert Watermark("s", "t", NOON.astimezone(timezone(timedelta(hours=2)))) == Watermark("s", "t", NOON)
    berlin = ZoneInfo("Europe/Berlin")
    first, second = (datetime(2026, 10, 25, 2, 30, tzinfo=berlin, fold=fold) for fold in (0, 1))
    assert not first < second, "two instants in one zone compare by the clock on the wall"
    assert Watermark("s", "t", first).updated_at < Watermark("s", "t", second).updated_at
    summer, winter = first.replace(minute=45), second.replace(minute=15)  # 00:45 and 01:15 UTC
    records = [Record.of("shop", "orders", str(at.fold), {}, at) for at in (summer, winter)]
    assert mark(-1e7).advanced(records, until=NOON) == Watermark("shop", "orders", winter, "1")


@pytest.mark.parametrize("make", [lambda at: Watermark("s", "t", at), lambda at: upper_bound(at, lag_s=0)])
def test_a_naive_instant_is_refused(make: object) -> None:
    """W7."""
    with pytest.raises(ValueError, match="time zone"):
        make(datetime(2026, 11, 23, 12, 0))  # type: ignore[operator]


def test_microseconds_survive_the_database(db_url: str) -> None:
    """W7."""
    position = Watermark("shop", "orders", NOON + timedelta(microseconds=123457), "k")

    async def scenario(pool: Pool) -> Watermark | None:
        await save(pool, position)
        return await stored(pool)

    assert with_pool(db_url, scenario) == position


def test_a_bookmark_is_kept_as_it_came_until_the_listing_ends(db_url: str) -> None:
    async def scenario(pool: Pool) -> None:
        async def place() -> Bookmark | None:
            async with pool.connection() as connection:
                return await Bookmark.load(connection, "shop", "orders")

        assert await place() is None
        for text in ("eyJ+/= \\ é", "", "0"):
            await save(pool, Bookmark("shop", "orders", text))
            assert await place() == Bookmark("shop", "orders", text)
        await save(pool, Bookmark("shop", "orders", None))
        assert await place() is None

    with_pool(db_url, scenario)


def test_a_second_run_of_one_stream_is_refused_and_says_who_holds_it(db_url: str) -> None:
    """W10."""

    async def scenario(pool: Pool) -> None:
        async with pool.connection() as one, pool.connection() as two:
            async with hold_source(one, "shop", "orders"):
                with pytest.raises(SourceBusyError, match=rf"shop\.orders .* {one.info.backend_pid} \(ingestion\)"):
                    async with hold_source(two, "shop", "orders"):
                        pass
                with pytest.raises(SourceBusyError):
                    async with hold_source(one, "shop", "orders"):
                        pass
                async with hold_source(two, "shop", "refunds"), hold_source(two, "sho", "porders"):
                    await land(one, Batch((order(1),), mark(1)), RUN)
            async with hold_source(two, "shop", "orders"):
                pass
            async with hold_source(one, "shop", "orders"):
                pass

    with_pool(db_url, scenario)


@pytest.mark.parametrize("stop", [KeyError, asyncio.CancelledError])
def test_the_lease_ends_with_the_run_however_it_ends(db_url: str, stop: type[BaseException]) -> None:
    """W10: also in the middle of a transaction that failed."""

    async def scenario(pool: Pool) -> None:
        async with pool.connection() as one, pool.connection() as two:
            with pytest.raises(stop):
                async with hold_source(one, "shop", "orders"):
                    await one.execute("SELECT 1")
                    raise stop
            async with hold_source(two, "shop", "orders"):
                pass
            assert await value(one, "SELECT 1") == 1

    with_pool(db_url, scenario)


def test_a_session_that_dies_loses_the_lease_and_can_land_no_more(db_url: str) -> None:
    """W10: a run cut off from the database cannot fight the one that takes its place."""

    async def scenario(pool: Pool) -> None:
        async def doomed(connection: Connection) -> None:
            async with hold_source(connection, "shop", "orders"), transaction(pool) as other:
                await other.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.info.backend_pid])
                async with hold_source(other, "shop", "orders"):
                    with pytest.raises(Exception, match="not available"):
                        await land(connection, Batch((order(1),), mark(1)), RUN)

        async with open_pool(db_url) as own:
            connection = await own.getconn()
            await doomed(connection)
            await own.putconn(connection)
        assert await value(pool, "SELECT count(*) FROM ingestion.records") == 0

    with_pool(db_url, scenario)


def test_many_runs_at_once_one_holds(db_url: str) -> None:
    """W10."""

    async def scenario(pool: Pool) -> int:
        async def attempt() -> bool:
            try:
                async with pool.connection() as connection, hold_source(connection, "shop", "orders"):
                    await asyncio.sleep(0.2)
                    return True
            except SourceBusyError:
                return False

        return sum(await asyncio.gather(*(attempt() for _ in range(8))))

    assert with_pool(db_url, scenario) == 1
