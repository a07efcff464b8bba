"""The shared bucket in a real Redis."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest
from redis.asyncio import Redis
from redis.crc import key_slot

from ingestion.errors import ThrottledError
from ingestion.resilience.rate_limiter import RedisRateLimiter
from ingestion.resilience.token_bucket import Limit, OverCapacityError


class Client(Redis):
    """A client that counts the commands it sends."""

    sent = 0

    async def execute_command(self, *arguments: Any, **options: Any) -> Any:
        self.sent += 1
        return await super().execute_command(*arguments, **options)


Story = Callable[[Client, str], Awaitable[None]]


def tell(story: Story, redis_url: str) -> None:
    """Run *story* with a client of the server at *redis_url*, and a name that nobody else uses."""

    async def main() -> None:
        name = f"test-{uuid4().hex}"
        async with Client.from_url(redis_url) as client:
            try:
                await story(client, name)
            finally:
                await client.delete("nothing", *await keys_of(client, name))

    asyncio.run(main())


async def keys_of(client: Redis, name: str) -> list[bytes]:
    keys: list[bytes] = await client.keys(f"*{name}*")
    return keys


class Naps:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.taken_s: list[float] = []

    def time_s(self) -> float:
        return self.now_s

    async def sleep(self, delay_s: float) -> None:
        self.taken_s.append(delay_s)
        self.now_s += delay_s


def test_the_first_burst_passes_at_once_and_the_rest_at_the_rate(redis_url: str) -> None:
    """T3."""

    async def story(client: Client, name: str) -> None:
        shared = RedisRateLimiter(client, name, 20, 5)
        began = time.monotonic()
        await asyncio.gather(*(shared.acquire() for _ in range(5)))
        assert time.monotonic() - began < 0.15  # one by one they would take 0.2 s
        await asyncio.gather(*(shared.acquire() for _ in range(10)))
        assert 0.45 <= time.monotonic() - began < 1.0

    tell(story, redis_url)


def test_processes_with_clocks_an_hour_apart_share_one_bucket(redis_url: str) -> None:
    """T1: no clock but the server's decides."""

    async def story(client: Client, name: str) -> None:
        naps = [Naps(), Naps()]
        naps[1].now_s = 3600.0
        workers = [RedisRateLimiter(client, name, 1, 2, clock=nap.time_s, sleep=nap.sleep) for nap in naps]
        for worker in workers * 2:
            await worker.acquire()
        assert [nap.taken_s for nap in naps] == [
            pytest.approx([1.0], abs=0.05),
            pytest.approx([2.0], abs=0.05),
        ]

    tell(story, redis_url)


def test_one_call_to_redis_admits_one_request_however_long_it_waits_in_line(redis_url: str) -> None:
    """T12: no polling."""

    async def story(client: Client, name: str) -> None:
        shared = RedisRateLimiter(client, name, 100, 3)
        await shared.acquire()  # the first one may have to send the script itself
        before = client.sent
        await asyncio.gather(*(shared.acquire() for _ in range(30)))
        assert client.sent - before == 30

    tell(story, redis_url)


def test_a_refused_request_changes_no_limit(redis_url: str) -> None:
    """T5: nothing is taken from the limit that would have granted it."""

    async def story(client: Client, name: str) -> None:
        shared = RedisRateLimiter(client, name, 0.05, 100, also=[Limit(0.1, 1)])
        await shared.acquire()
        before = {key: await client.hgetall(key) for key in await keys_of(client, name)}
        with pytest.raises(ThrottledError) as refused:
            await shared.acquire(max_wait_s=0.5)
        assert {key: await client.hgetall(key) for key in await keys_of(client, name)} == before
        assert 5 < (refused.value.retry_after_s or 0) <= 10

    tell(story, redis_url)


def test_all_keys_of_a_limiter_share_a_cluster_slot_and_none_is_undeclared(redis_url: str) -> None:
    """T6: Redis refuses a script that touches a key it did not declare, when the user may touch those only."""

    async def story(client: Client, name: str) -> None:
        name, also = f"https://{name}.example:443#a1", [Limit(1, 5), Limit(2, 7)]
        shared = RedisRateLimiter(client, name, 10, 3, also=also)
        await shared.acquire()
        await shared.penalise(0.0)
        keys = await keys_of(client, name)
        assert len(keys) == 3
        assert len({key_slot(key) for key in keys}) == 1
        allowed = [f"~{key.decode()}" for key in keys]
        await client.execute_command("ACL", "SETUSER", name, "reset", "on", ">pw", "+@all", *allowed)
        async with Redis.from_url(redis_url, username=name, password="pw") as narrow:
            await RedisRateLimiter(narrow, name, 10, 3, also=also).acquire()
        await client.execute_command("ACL", "DELUSER", name)

    tell(story, redis_url)


@pytest.mark.parametrize("name", ["", "a{b", "a}b", "{}"])
def test_a_name_that_would_move_the_cluster_slot_is_refused(name: str) -> None:
    """T6."""
    with pytest.raises(ValueError, match="braces"):
        RedisRateLimiter(Redis(), name, 1)


@pytest.mark.parametrize(("rate_per_s", "burst"), [(30, 1), (7, 1), (0.001, 3)])
def test_a_key_always_outlives_its_bucket_and_never_lives_for_ever(
    redis_url: str, rate_per_s: float, burst: int
) -> None:
    """T7: the time to live is rounded up, and positive after every admission."""

    async def story(client: Client, name: str) -> None:
        shared = RedisRateLimiter(client, name, rate_per_s, burst)
        await shared.acquire()
        (key,) = await keys_of(client, name)
        left_ms = await client.pttl(key)
        assert 0 < left_ms <= 1000 / rate_per_s + 2
        assert left_ms >= 1000 / rate_per_s - 100

    tell(story, redis_url)


def test_more_than_the_burst_is_an_error_not_an_eternal_wait(redis_url: str) -> None:
    """T8: for the smallest of the limits, before Redis is asked."""

    async def story(client: Client, name: str) -> None:
        shared = RedisRateLimiter(client, name, 10, 10, also=[Limit(1, 3)])
        with pytest.raises(OverCapacityError, match="burst of 3"):
            await shared.acquire(4)
        assert not await keys_of(client, name)

    tell(story, redis_url)


def test_fractions_of_a_second_survive_the_way_out_of_lua(redis_url: str) -> None:
    """T9: Redis truncates fractions, so what comes out is whole microseconds."""

    async def story(client: Client, name: str) -> None:
        nap = Naps()
        shared = RedisRateLimiter(client, name, 3, 1, clock=nap.time_s, sleep=nap.sleep)
        await shared.acquire()
        assert await shared.acquire() == pytest.approx(1 / 3, abs=0.02)

    tell(story, redis_url)


def test_flushing_the_scripts_at_any_moment_goes_unnoticed(redis_url: str) -> None:
    """T10: hundreds of flushes between, and in the middle of, 400 acquisitions."""

    async def story(client: Client, name: str) -> None:
        shared = [RedisRateLimiter(client, name, 10_000, 10) for _ in range(4)]
        done = asyncio.Event()

        async def flush() -> None:
            async with Redis.from_url(redis_url) as other:
                while not done.is_set():
                    await other.script_flush()

        flusher = asyncio.create_task(flush())
        await asyncio.gather(*(worker.acquire() for worker in shared for _ in range(100)))
        await shared[0].penalise(0.0)
        done.set()
        await flusher

    tell(story, redis_url)


def test_a_caller_cancelled_in_line_takes_nothing_and_one_at_its_head_one_reservation(redis_url: str) -> None:
    """T13."""

    async def story(client: Client, name: str) -> None:
        shared = RedisRateLimiter(client, name, 10, 1)
        await shared.acquire()
        began = time.monotonic()
        line = [asyncio.create_task(shared.acquire()) for _ in range(6)]
        await asyncio.sleep(0.05)
        for task in (line[0], line[2], line[3]):
            task.cancel()
        await asyncio.gather(*line, return_exceptions=True)
        assert 0.4 <= time.monotonic() - began < 0.59  # three who stayed, and the reservation of the first

    tell(story, redis_url)


def test_a_penalty_given_in_one_process_holds_in_all(redis_url: str) -> None:
    """R7, T15: those who already wait too; afterwards the rate, without a burst."""

    async def story(client: Client, name: str) -> None:
        workers = [RedisRateLimiter(client, name, 50, 10) for _ in range(4)]
        granted_at: list[float] = []

        async def work(worker: RedisRateLimiter) -> None:
            while len(granted_at) < 60:
                await worker.acquire()
                granted_at.append(time.monotonic())

        tasks = [asyncio.create_task(work(worker)) for worker in workers]
        await asyncio.sleep(0.3)
        began, before = time.monotonic(), len(granted_at)
        await workers[0].penalise(0.5)
        await asyncio.gather(*tasks)
        after = [at - began for at in granted_at[before:]]
        already_granted = [at for at in after if at < 0.5]
        assert len(already_granted) <= 3  # one for each process that held a reservation of under a second
        resumed = [at for at in after if at >= 0.5]
        assert len([at for at in resumed if at < 0.5 + 0.1]) <= 7

    tell(story, redis_url)


def test_a_penalty_leaves_an_hourly_limit_its_count(redis_url: str) -> None:
    """T15: one 429 must not cost an hour's worth of requests."""

    async def story(client: Client, name: str) -> None:
        shared = RedisRateLimiter(client, name, 1000, 10, also=[Limit(100 / 3600, 100)])
        await shared.penalise(0.1)
        began = time.monotonic()
        for _ in range(20):
            await shared.acquire()
        assert 0.1 <= time.monotonic() - began < 5

    tell(story, redis_url)


def test_a_long_reservation_is_checked_against_penalties_given_elsewhere_meanwhile(redis_url: str) -> None:
    """R7: who slept for long asks once more before going."""

    async def story(client: Client, name: str) -> None:
        other = RedisRateLimiter(client, name, 0.5, 1)
        naps = Naps()

        async def sleep(delay_s: float) -> None:
            await naps.sleep(delay_s)
            if len(naps.taken_s) == 1:
                await other.penalise(60)

        shared = RedisRateLimiter(client, name, 0.5, 1, clock=naps.time_s, sleep=sleep)
        await shared.acquire()
        waiting = asyncio.create_task(shared.acquire(max_wait_s=10))
        with pytest.raises(ThrottledError) as refused:
            await waiting
        assert refused.value.retry_after_s == pytest.approx(60, abs=1)

    tell(story, redis_url)


def test_a_penalty_longer_than_the_caller_waits_fails_at_once(redis_url: str) -> None:
    """R5: not truncated; the error says how long, and nothing goes before."""

    async def story(client: Client, name: str) -> None:
        shared, other = (RedisRateLimiter(client, name, 10, 5) for _ in range(2))
        await shared.penalise(3600)
        for worker in (shared, other):
            with pytest.raises(ThrottledError) as refused:
                await worker.acquire(max_wait_s=30)
            assert refused.value.retry_after_s == pytest.approx(3600, abs=1)
        await other.penalise(1.0)  # a shorter one never ends a longer one
        with pytest.raises(ThrottledError):
            await other.acquire(max_wait_s=30)

    tell(story, redis_url)


def test_a_cancelled_call_never_leaves_its_answer_to_the_next_one(redis_url: str) -> None:
    """B6: cancellation in the middle of a call to Redis, at every step of it."""

    async def story(client: Client, name: str) -> None:
        shared = RedisRateLimiter(client, name, 10_000, 100)
        await shared.acquire()
        for steps in range(12):
            task = asyncio.create_task(shared.acquire())
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert await client.echo(f"mine {steps}") == f"mine {steps}".encode()
            assert await shared.acquire() < 0.5

    tell(story, redis_url)
