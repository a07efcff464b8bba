"""The shared filter in a real Redis: many clients, bounded memory, one round trip, cluster slots."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest
from redis.asyncio import Redis
from redis.crc import key_slot

from ingestion.dedup.redis_bloom import FOUR_DAYS_S, RedisBloom, ring_for, ring_keys


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
async def name(redis: Redis) -> AsyncIterator[str]:
    name = f"test-{uuid4().hex}"
    yield name
    for key in await redis.keys(f"*{name}*"):
        await redis.delete(key)


def keys_of(count: int, source: str = "stripe") -> list[tuple[str, str, str]]:
    return [(source, "events", f"evt_{number}") for number in range(count)]


async def test_two_clients_share_one_memory(redis_url: str, redis: Redis, name: str) -> None:
    async with Redis.from_url(redis_url) as other:
        one, two = RedisBloom(redis, name), RedisBloom(other, name)
        await one.add(keys_of(2_500))
        assert await two.might_hold(keys_of(2_500)) == [True] * 2_500
        assert sum(await two.might_hold(keys_of(2_500, "github"))) < 50


async def test_many_writers_lose_nothing_and_rotate_when_full(redis: Redis, name: str) -> None:
    """10 writers at once, 1,600 keys, segments of 200: what came last is all there."""
    bloom = RedisBloom(redis, name, capacity=800)
    await asyncio.gather(*(bloom.add(keys_of(160, f"s{writer}")) for writer in range(10)))
    state = await redis.hgetall(ring_keys(name, bloom.ring)[0])
    assert int(state[b"current"]) == 7 % 5
    await bloom.add(keys_of(200, "last"))
    assert all(await bloom.might_hold(keys_of(200, "last")))


async def test_error_rate_with_every_segment_full(redis: Redis, name: str) -> None:
    """D4: ten times the capacity has come; what it claims of unknown keys stays below twice the promise."""
    rng = random.Random(7)
    bloom = RedisBloom(redis, name, capacity=2_000, error_rate=0.02)
    for _ in range(20):
        await bloom.add([("stripe", str(rng.random())) for _ in range(1_000)])
    asked = [("github", str(rng.random())) for _ in range(20_000)]
    claimed = sum(await bloom.might_hold(asked)) / len(asked)
    assert 0.0 < claimed <= 2 * 0.02
    used = sum([await redis.strlen(key) for key in ring_keys(name, bloom.ring)[1:]])
    assert used <= bloom.ring.bytes < 6_000


async def test_duplicates_do_not_fill_it(redis: Redis, name: str) -> None:
    bloom = RedisBloom(redis, name, capacity=400)
    for _ in range(50):
        await bloom.add(keys_of(90))
    assert all(await bloom.might_hold(keys_of(90)))
    assert await redis.hget(ring_keys(name, bloom.ring)[0], "current") == b"0"


async def test_everything_expires_by_itself(redis: Redis, name: str) -> None:
    bloom = RedisBloom(redis, name)
    await bloom.add(keys_of(3))
    for key in await redis.keys(f"*{name}*"):
        left_s = await redis.ttl(key)
        assert FOUR_DAYS_S + 86_400 < left_s <= FOUR_DAYS_S + 2 * 86_400


async def test_a_lost_state_or_segment_is_a_fresh_start(redis: Redis, name: str) -> None:
    """D2: evicted, one key after the other: it forgets, and never fills a segment twice."""
    bloom = RedisBloom(redis, name, capacity=400)
    state, *segments = ring_keys(name, bloom.ring)
    await bloom.add(keys_of(50))
    await redis.delete(state)
    assert not any(await bloom.might_hold(keys_of(50)))
    assert not await redis.exists(*segments)
    await bloom.add(keys_of(50))
    await redis.delete(segments[0])
    assert not any(await bloom.might_hold(keys_of(50)))
    await redis.script_flush()
    await bloom.add(keys_of(50))
    assert all(await bloom.might_hold(keys_of(50)))


async def test_one_round_trip_for_a_batch(redis: Redis, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bloom = RedisBloom(redis, name)
    await bloom.add(keys_of(1))
    await bloom.might_hold(keys_of(1))
    sent = []
    execute: Callable[..., Awaitable[Any]] = redis.execute_command

    async def counted(*arguments: Any, **options: Any) -> Any:
        sent.append(arguments[0])
        return await execute(*arguments, **options)

    monkeypatch.setattr(redis, "execute_command", counted)
    await bloom.add(keys_of(1_000))
    await bloom.might_hold(keys_of(1_000))
    await bloom.add([])
    assert await bloom.might_hold([]) == []
    assert sent == ["EVALSHA", "EVALSHA"]


async def test_another_size_is_another_filter(redis: Redis, name: str) -> None:
    small, large = RedisBloom(redis, name, capacity=1_000), RedisBloom(redis, name, capacity=2_000)
    await small.add(keys_of(100))
    assert not any(await large.might_hold(keys_of(100)))


def test_all_keys_of_a_filter_lie_in_one_slot() -> None:
    ring = ring_for(1_000, 0.01, FOUR_DAYS_S, 5)
    assert len({key_slot(key.encode()) for key in ring_keys("webhooks", ring)}) == 1
    for name in ("", "a{b", "a}b"):
        with pytest.raises(ValueError, match="name"):
            ring_keys(name, ring)


def test_the_window_is_longer_than_any_sender_retries() -> None:
    """D3: four days, by default."""
    ring = RedisBloom(Redis(), "webhooks").ring
    assert ring.span_ms * (ring.segments - 1) >= 4 * 86_400_000


@pytest.mark.parametrize(
    ("capacity", "error_rate", "window_s", "segments"),
    [
        (10, 0.1, 1.0, 1),
        (0, 0.1, 1.0, 3),
        (10, 1.0, 1.0, 1),
        (10, 0.1, 0.0, 3),
        (10, 0.1, -1.0, 3),
        (10, 1.5, 1.0, 3),
        (10**10, 1e-9, 1.0, 2),
    ],
)
def test_a_ring_that_cannot_be_is_refused(capacity: int, error_rate: float, window_s: float, segments: int) -> None:
    with pytest.raises(ValueError, match="want|ring"):
        ring_for(capacity, error_rate, window_s, segments)
