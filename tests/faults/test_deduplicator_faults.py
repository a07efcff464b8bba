"""Whatever the filter does, 1,500 deliveries of 1,425 events are 1,425 rows: nothing lost, nothing doubled."""

import asyncio
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from ingestion.dedup.deduplicator import Deduplicator, EventKey, SeenFilter
from ingestion.dedup.redis_bloom import RedisBloom
from ingestion.store.database import Pool, transaction
from tests.migrated import value, with_pool

DELIVERIES = Path(__file__).parents[2] / "data" / "webhooks" / "deliveries.ndjson"
_INSERT = """
    INSERT INTO ingestion.records (source, stream, key, payload, occurred_at, content_hash)
    SELECT *, '{}', '2026-11-23T12:00Z', '' FROM unnest(%s::text[], %s::text[], %s::text[]) ORDER BY 1, 2, 3
    ON CONFLICT DO NOTHING RETURNING source, stream, key"""


def deliveries() -> list[EventKey]:
    lines = map(json.loads, DELIVERIES.read_text(encoding="utf-8").splitlines())
    return [EventKey(line["provider"], "events", line["event_id"]) for line in lines]


async def receive(pool: Pool, dedup: Deduplicator, batch: Sequence[EventKey]) -> None:
    """What a receiver does with a batch of verified deliveries."""
    known = await dedup.known(batch)
    rest = [key for key in batch if key not in known]
    async with transaction(pool) as connection:
        columns = [list(column) for column in zip(*rest, strict=True)] or [[], [], []]
        cursor = await connection.execute(_INSERT, columns)
        stored = [EventKey(*row) for row in await cursor.fetchall()]
    dedup.saw(stored, len(rest) - len(stored))


class Scripted:
    """A filter that gives the answers it was told to."""

    def __init__(self, answer: Callable[[Sequence[EventKey]], list[bool]]) -> None:
        self._answer = answer
        self.asked = 0
        self.told: list[EventKey] = []

    async def might_hold(self, keys: Sequence[EventKey]) -> list[bool]:
        self.asked += 1
        await asyncio.sleep(0)
        return self._answer(keys)

    async def add(self, keys: Sequence[EventKey]) -> None:
        self._answer(keys)
        self.told += keys


def broken(_: Sequence[EventKey]) -> list[bool]:
    raise ValueError("a bug in the filter")


LIES = random.Random(7)
FILTERS = {
    "absent": None,
    "empty": lambda keys: [False] * len(keys),
    "saturated": lambda keys: [True] * len(keys),
    "lying": lambda keys: [LIES.random() < 0.5 for _ in keys],
    "raising": broken,
    "short of breath": lambda keys: [True] * (len(keys) // 2),
}


@pytest.mark.parametrize("always_ask", [False, True])
@pytest.mark.parametrize("what", FILTERS)
def test_the_filter_never_decides(db_url: str, what: str, always_ask: bool) -> None:
    """D1, D2: in order, shuffled, by four writers at once, with every delivery made twice."""
    answer = FILTERS[what]
    rng = random.Random(11)

    async def story(pool: Pool) -> None:
        seen = Scripted(answer) if answer else None
        dedup = Deduplicator(pool, seen, storm_share=-1.0 if always_ask else 0.5)
        work = deliveries() + rng.sample(deliveries(), 1_500)
        while work:
            sizes = [rng.randrange(1, 120) for _ in range(4)]
            batches, work = [work[sum(sizes[:n]) : sum(sizes[: n + 1])] for n in range(4)], work[sum(sizes) :]
            await asyncio.gather(*(receive(pool, dedup, batch) for batch in batches if batch))
        await dedup.drain()
        assert await value(pool, "SELECT count(*) FROM ingestion.records") == 1_425
        assert await value(pool, "SELECT count(DISTINCT (source, key)) FROM ingestion.records") == 1_425
        if seen and what in ("empty", "saturated"):
            assert len(seen.told) == len(set(seen.told)) == 1_425

    with_pool(db_url, story)


@pytest.mark.parametrize("fault", ["wiped", "tiny", "down", "script flushed", "cut off half way"])
def test_with_redis_at_its_worst(db_url: str, redis_url: str, fault: str) -> None:
    """D1, D2: the real filter, wiped every few batches, a hundred times too small, on a dead port."""

    async def story(pool: Pool) -> None:
        url = "redis://127.0.0.1:1" if fault == "down" else redis_url
        name = f"test-{uuid4().hex}"
        async with Redis.from_url(url) as redis, Redis.from_url(redis_url) as admin:
            bloom = RedisBloom(redis, name, capacity=15 if fault == "tiny" else 2_000)
            dedup = Deduplicator(pool, bloom, storm_share=-1.0)
            work = deliveries() + deliveries()
            for number, start in enumerate(range(0, len(work), 100)):
                await receive(pool, dedup, work[start : start + 100])
                if fault == "wiped" and number % 4 == 3:
                    for key in await admin.keys(f"*{name}*"):
                        await admin.delete(key)
                if fault == "script flushed":
                    await admin.script_flush()
                if fault == "cut off half way" and number == 10:
                    redis.connection_pool.connection_kwargs["port"] = 1
                    await redis.connection_pool.disconnect()
            await dedup.drain()
            assert await value(pool, "SELECT count(*) FROM ingestion.records") == 1_425
            for key in await admin.keys(f"*{name}*"):
                await admin.delete(key)

    with_pool(db_url, story)


def test_two_racers_and_a_rollback(db_url: str) -> None:
    """R13: a row that is not committed is not known; when its writer rolls back, the second one's is stored."""

    async def story(pool: Pool) -> None:
        dedup = Deduplicator(pool, Scripted(lambda keys: [True] * len(keys)), storm_share=-1.0)
        key = EventKey("stripe", "events", "evt_1")
        second = None
        with pytest.raises(RuntimeError, match="killed"):
            async with transaction(pool) as first:
                await first.execute(_INSERT, [[part] for part in key])
                assert await dedup.known([key]) == set()
                second = asyncio.create_task(receive(pool, dedup, [key]))
                await asyncio.sleep(0.1)
                assert not second.done()
                raise RuntimeError("killed")
        assert second is not None
        await second
        assert await dedup.known([key]) == {key}

    with_pool(db_url, story)


def test_postgres_that_does_not_answer_knows_nothing(db_url: str) -> None:
    """It is landing that says so; asking first never fails a batch."""

    async def story(pool: Pool) -> None:
        saturated: SeenFilter = Scripted(lambda keys: [True] * len(keys))
        dedup = Deduplicator(pool, saturated, storm_share=-1.0)
        await pool.close()
        assert await dedup.known([EventKey("stripe", "events", "evt_1")]) == set()

    with_pool(db_url, story)
