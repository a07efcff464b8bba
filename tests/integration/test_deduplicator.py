"""What the deduplicator asks, when, and what it tells the filter."""

import asyncio
from collections.abc import Sequence

import pytest

from ingestion.dedup.deduplicator import Deduplicator, EventKey, RecentShare, maybe_of, stored_of
from ingestion.store.database import Connection, Pool, transaction
from tests.migrated import with_pool


class Recorder:
    """A filter that notes what it is asked and told, and can be held up."""

    def __init__(self) -> None:
        self.asked: list[list[EventKey]] = []
        self.told: list[EventKey] = []
        self.open = asyncio.Event()
        self.open.set()

    async def might_hold(self, keys: Sequence[EventKey]) -> list[bool]:
        self.asked.append(list(keys))
        return [True] * len(keys)

    async def add(self, keys: Sequence[EventKey]) -> None:
        await self.open.wait()
        self.told += keys


def keys_of(*numbers: int, source: str = "stripe") -> list[EventKey]:
    return [EventKey(source, "events", f"evt_{number}") for number in numbers]


async def store(connection: Connection, keys: Sequence[EventKey]) -> None:
    for key in keys:
        await connection.execute("INSERT INTO ingestion.records VALUES (%s, %s, %s, '{}', now(), '')", key)


def test_no_storm_no_question(db_url: str) -> None:
    """No round trip on the hot path, at 5 % duplicates or at 45 %; two for a whole batch in a storm."""

    async def story(pool: Pool) -> None:
        seen = Recorder()
        dedup = Deduplicator(pool, seen)
        for duplicates in (5, 45):
            for _ in range(100):
                assert await dedup.known(keys_of(*range(100))) == set()
                dedup.saw(keys_of(*range(100 - duplicates)), duplicates)
        assert seen.asked == []
        async with transaction(pool) as connection:
            await store(connection, keys_of(1, 2, 3))
        for _ in range(30):
            dedup.saw([], 100)
        assert dedup.is_storm
        assert await dedup.known(keys_of(1, 2, 2, 99)) == set(keys_of(1, 2))
        assert seen.asked == [keys_of(1, 2, 99)]
        await dedup.drain()

    with_pool(db_url, story)


def test_a_storm_is_seen_and_seen_to_end(db_url: str) -> None:
    """What `known` finds counts as well, or a storm would end because it is being dealt with."""

    async def story(pool: Pool) -> None:
        async with transaction(pool) as connection:
            await store(connection, keys_of(*range(100)))
        dedup = Deduplicator(pool)
        dedup.saw(keys_of(*range(1_000, 1_500)), 0)
        for _ in range(20):
            dedup.saw([], 100)
        for _ in range(50):
            assert len(await dedup.known(keys_of(*range(100)))) == 100
        assert dedup.is_storm
        for number in range(20):
            fresh = keys_of(*range(2_000 + 100 * number, 2_100 + 100 * number))
            await dedup.known(fresh)
            dedup.saw(fresh, 0)
        assert not dedup.is_storm

    with_pool(db_url, story)


async def _written(connection: Connection) -> int:
    """How many bytes of the log this session has written, ever."""
    await connection.execute("SELECT pg_stat_force_next_flush()")
    await connection.commit()
    found = await connection.execute("SELECT wal_bytes FROM pg_stat_get_backend_wal(pg_backend_pid())")
    [written] = await found.fetchone() or [0]
    await connection.commit()
    return int(written)


def test_asking_writes_nothing(db_url: str) -> None:
    async def story(pool: Pool) -> None:
        async with transaction(pool) as connection:
            await store(connection, keys_of(*range(500)))
        async with pool.connection() as connection:  # what others write counts nothing
            await stored_of(connection, keys_of(1))
            before = await _written(connection)
            assert len(await stored_of(connection, keys_of(*range(500)))) == 500
            assert await _written(connection) == before
            await store(connection, keys_of(*range(500, 510)))
            await connection.commit()
            assert await _written(connection) > before

    with_pool(db_url, story)


def test_hostile_keys_are_not_stored_and_harm_nobody(db_url: str) -> None:
    """NUL, half a surrogate pair, and one longer than an index entry, next to a good one."""

    async def story(pool: Pool) -> None:
        good = keys_of(1)
        async with transaction(pool) as connection:
            await store(connection, good)
        hostile = [EventKey("a", "events", key) for key in ("\0", "\ud800", "x" * 100_000, "", "'; DROP TABLE x; --")]
        assert await stored_of(pool, [*hostile, *good]) == set(good)
        assert await stored_of(pool, hostile) == set()
        assert await stored_of(pool, []) == set()

    with_pool(db_url, story)


def test_a_filter_that_is_slow_holds_up_nobody_and_fills_no_memory(db_url: str) -> None:
    async def story(pool: Pool) -> None:
        seen = Recorder()
        seen.open.clear()
        dedup = Deduplicator(pool, seen, most_waiting=1_000)
        async with asyncio.timeout(1):
            for number in range(300):
                dedup.saw(keys_of(*range(number * 10, number * 10 + 10)), 0)
                await asyncio.sleep(0)
        seen.open.set()
        await dedup.drain()
        assert len(seen.told) <= 1_010
        assert seen.told[-1] == keys_of(2_999)[0]

    with_pool(db_url, story)


async def test_cancelling_a_question_cancels_it() -> None:
    """Swallowing everything must not mean swallowing an order to stop."""

    class Slow(Recorder):
        async def might_hold(self, keys: Sequence[EventKey]) -> list[bool]:
            await asyncio.sleep(3600)
            return []

    task = asyncio.create_task(maybe_of(Slow(), keys_of(1)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_the_share_counts_events_and_forgets() -> None:
    recent = RecentShare(1_000)
    recent.add(0, 99)
    assert recent.value() == 0.0
    recent.add(0, 10)
    assert recent.value() == pytest.approx(1.0)
    recent.add(1_000, 0)
    assert recent.value() == pytest.approx(50 / 1_050, rel=0.15)
    one, other = RecentShare(), RecentShare()
    for _ in range(100):
        one.add(5, 5)
    other.add(500, 500)
    assert one.value() == pytest.approx(other.value())
    recent.add(10**9, 0)
    assert recent.value() == pytest.approx(0.0)
