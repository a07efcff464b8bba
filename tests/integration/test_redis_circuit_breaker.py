"""One circuit for many processes, in a real Redis."""

import asyncio
import multiprocessing
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from multiprocessing.synchronize import Barrier
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from ingestion.errors import CircuitOpenError
from ingestion.resilience.circuit_breaker import BreakerPolicy
from ingestion.resilience.permit import Permit
from ingestion.resilience.redis_circuit_breaker import RedisCircuitBreaker

pytestmark = pytest.mark.alone  # leases run on Redis' clock, which no test can hold

QUICK = BreakerPolicy(min_calls=4, delay_s=0.2, max_delay_s=0.2, probe_lease_s=30)
SHORT_LEASE = BreakerPolicy(min_calls=4, delay_s=0.2, max_delay_s=0.2, probe_lease_s=1.5)


@asynccontextmanager
async def breakers(
    redis_url: str, name: str, count: int = 2, policy: BreakerPolicy = QUICK
) -> AsyncIterator[list[RedisCircuitBreaker]]:
    async with Redis.from_url(redis_url) as client:
        yield [RedisCircuitBreaker(client, name, policy, uniform=lambda low, high: high) for _ in range(count)]


@pytest.fixture
def name() -> str:
    return f"test-{uuid4().hex}"


async def trip(breaker: RedisCircuitBreaker) -> None:
    for _ in range(4):
        await (await breaker.enter()).failed()


async def admitted(workers: list[RedisCircuitBreaker], callers: int) -> list[Permit]:
    asked = (workers[number % len(workers)].enter() for number in range(callers))
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(answer, Permit | CircuitOpenError) for answer in answers)
    return [answer for answer in answers if isinstance(answer, Permit)]


def ask_in_a_process(redis_url: str, name: str, ready: Barrier, callers: int) -> int:
    async def main() -> int:
        async with breakers(redis_url, name, 1) as workers:
            ready.wait(20)
            return len(await admitted(workers, callers))

    return asyncio.run(main())


def test_half_open_exactly_one_of_a_hundred_in_four_processes_passes(redis_url: str, name: str) -> None:
    """C1."""

    async def story() -> None:
        async with breakers(redis_url, name, 1) as (breaker,):
            await trip(breaker)
            with pytest.raises(CircuitOpenError):
                await breaker.enter()
            await asyncio.sleep(0.21)

    asyncio.run(story())
    spawn = multiprocessing.get_context("spawn")
    with spawn.Manager() as manager, spawn.Pool(4) as pool:
        ready = manager.Barrier(4)
        asked = [(redis_url, name, ready, 25) for _ in range(4)]
        assert sum(pool.starmap(ask_in_a_process, asked, chunksize=1)) == 1


def test_what_one_process_learns_all_know(redis_url: str, name: str) -> None:
    async def story() -> None:
        async with breakers(redis_url, name, 2) as (one, other):
            for breaker in (one, other, one, other):
                await (await breaker.enter()).failed()
            for breaker in (one, other):
                with pytest.raises(CircuitOpenError) as refused:
                    await breaker.enter()
                assert 0 < (refused.value.retry_after_s or 0) <= 0.2
            await asyncio.sleep(0.21)
            await (await one.enter()).succeeded()
            assert len(await admitted([one, other], 20)) == 20

    asyncio.run(story())


def test_a_killed_prober_blocks_the_others_until_its_lease_ends(redis_url: str, name: str) -> None:
    """C2."""

    async def story() -> None:
        async with breakers(redis_url, name, 3, SHORT_LEASE) as workers:
            await trip(workers[0])
            await asyncio.sleep(0.21)
            (lost,) = await admitted(workers, 30)
            await asyncio.sleep(0.5)
            assert await admitted(workers, 30) == []
            await asyncio.sleep(1.05)
            (second,) = await admitted(workers, 30)
            await lost.succeeded()  # C6: from an older generation
            assert await admitted(workers, 30) == []
            await second.succeeded()
            assert len(await admitted(workers, 30)) == 30

    asyncio.run(story())


def test_a_circuit_forgotten_by_redis_does_not_take_old_permits_for_new_ones(redis_url: str, name: str) -> None:
    """C6: generations go by the clock, so a number is never given twice."""

    async def story() -> None:
        async with breakers(redis_url, name, 1) as (breaker,), Redis.from_url(redis_url) as client:
            await trip(breaker)
            await asyncio.sleep(0.21)
            (old_probe,) = await admitted([breaker], 5)
            await client.delete(*await client.keys(f"*{name}*"))
            await trip(breaker)
            await asyncio.sleep(0.21)
            (new_probe,) = await admitted([breaker], 5)
            await old_probe.succeeded()
            assert await admitted([breaker], 5) == []
            await new_probe.succeeded()
            assert len(await admitted([breaker], 5)) == 5

    asyncio.run(story())


def test_flushing_the_scripts_goes_unnoticed_and_keys_expire(redis_url: str, name: str) -> None:
    """T10, and nothing stays in Redis for ever."""

    async def story() -> None:
        async with breakers(redis_url, name, 1) as (breaker,), Redis.from_url(redis_url) as client:
            for _ in range(3):
                await client.script_flush()
                permit = await breaker.enter()
                await client.script_flush()
                await permit.failed()
            (key,) = await client.keys(f"*{name}*")
            assert 0 < await client.pttl(key) <= 86_400_000

    asyncio.run(story())


def test_traffic_that_only_succeeds_keeps_a_bounded_window(redis_url: str, name: str) -> None:
    async def story() -> None:
        policy = BreakerPolicy(window_s=0.05)
        async with breakers(redis_url, name, 1, policy) as (breaker,), Redis.from_url(redis_url) as client:
            for _ in range(60):
                await (await breaker.enter()).succeeded()
                await asyncio.sleep(0.003)
            (key,) = await client.keys(f"*{name}*")
            assert await client.hlen(key) <= 24

    asyncio.run(story())


@pytest.mark.parametrize("name", ["", "a{b", "a}b"])
def test_a_name_that_would_move_the_cluster_slot_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="braces"):
        RedisCircuitBreaker(Redis(), name)
