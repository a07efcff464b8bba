"""What the limiter and the breaker do when Redis can't be asked."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from ingestion.errors import CircuitOpenError, ConfigurationError, ThrottledError, TransientError
from ingestion.resilience.circuit_breaker import BreakerPolicy
from ingestion.resilience.rate_limiter import RedisRateLimiter
from ingestion.resilience.redis_circuit_breaker import RedisCircuitBreaker
from ingestion.resilience.redis_script import RedisScript, RedisUnavailableError
from ingestion.resilience.token_bucket import Limit


@asynccontextmanager
async def silent_server() -> AsyncIterator[Redis]:
    """A client of a server that accepts connections and never says a word."""
    open_ends: list[asyncio.StreamWriter] = []

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ends.append(writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with Redis(port=server.sockets[0].getsockname()[1]) as client:
        yield client
    for end in open_ends:
        end.close()
    server.close()


@asynccontextmanager
async def no_server() -> AsyncIterator[Redis]:
    """A client of a port that nobody listens on."""
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    async with Redis(port=port) as client:
        yield client


class Switch:
    """A proxy in front of Redis, with a switch."""

    def __init__(self, host: str, port: int) -> None:
        self.is_on = True
        self._to = (host, port)
        self._open: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.is_on:
            writer.close()
            return
        upstream_reader, upstream_writer = await asyncio.open_connection(*self._to)
        self._open |= {writer, upstream_writer}
        await asyncio.gather(self._copy(reader, upstream_writer), self._copy(upstream_reader, writer))

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
        except OSError:
            pass
        writer.close()

    def cut(self) -> None:
        self.is_on = False
        for writer in self._open:
            writer.close()
        self._open.clear()


@asynccontextmanager
async def behind_a_switch(redis_url: str) -> AsyncIterator[tuple[Redis, Switch]]:
    parts = urlsplit(redis_url)
    switch = Switch(parts.hostname or "127.0.0.1", parts.port or 6379)
    server = await asyncio.start_server(switch.serve, "127.0.0.1", 0)
    account, at, _ = parts.netloc.rpartition("@")
    netloc = f"{account}{at}127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with Redis.from_url(parts._replace(netloc=netloc).geturl()) as client:
        yield client, switch
    switch.cut()
    server.close()


@pytest.fixture
def name() -> str:
    return f"test-{uuid4().hex}"


DOWN = pytest.mark.parametrize("server", [silent_server, no_server])


@DOWN
def test_stopping_is_the_policy_unless_another_is_declared(server: Callable) -> None:
    """T11: an error that says what to do next, and soon."""

    async def story() -> None:
        async with server() as client:
            limiter = RedisRateLimiter(client, "shop", 10, 5)
            began = time.monotonic()
            with pytest.raises(TransientError, match="Redis"):
                await limiter.acquire()
            assert time.monotonic() - began < 2
            asked_again = time.monotonic()
            with pytest.raises(RedisUnavailableError):
                await limiter.acquire()
            assert time.monotonic() - asked_again < 0.3  # the second one did not even ask

    asyncio.run(story())


@DOWN
def test_alone_each_process_keeps_to_its_part_of_the_lowest_rate(
    server: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    """T11: 40/s shared by 4 is 10/s each, from an empty bucket."""

    async def story() -> None:
        async with server() as client:
            limiter = RedisRateLimiter(client, "shop", 1000, 20, also=[Limit(40, 30)], processes=4)
            await limiter.acquire()
            began = time.monotonic()
            await asyncio.gather(*(limiter.acquire() for _ in range(4)))
            assert 0.38 <= time.monotonic() - began < 1.2
            with pytest.raises(ThrottledError):
                await limiter.acquire(20, max_wait_s=1)

    with caplog.at_level(logging.WARNING):
        asyncio.run(story())
    assert len([record for record in caplog.records if "going on alone" in record.message]) == 1


def test_a_penalty_holds_in_this_process_while_redis_is_away_and_after_it_is_back(redis_url: str, name: str) -> None:
    """T15, R7."""

    async def story() -> None:
        async with behind_a_switch(redis_url) as (client, switch):
            limiter = RedisRateLimiter(client, name, 100, 5, processes=2)
            await limiter.acquire()
            switch.cut()
            await limiter.penalise(1.5)
            began = time.monotonic()
            with pytest.raises(ThrottledError):
                await limiter.acquire(max_wait_s=0.1)
            switch.is_on = True
            await limiter.acquire()
            assert 1.4 <= time.monotonic() - began < 2.5

    asyncio.run(story())


def test_an_outage_in_the_middle_is_survived_and_left_behind(
    redis_url: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """T10, T11: no caller sees an error; at half the rate while Redis is away, and together again afterwards."""

    async def story() -> None:
        async with behind_a_switch(redis_url) as (client, switch), Redis.from_url(redis_url) as direct:
            limiter = RedisRateLimiter(client, name, 100, 2, processes=2)
            granted_at: list[float] = []
            began = time.monotonic()

            async def work() -> None:
                while time.monotonic() < began + 3.6:
                    await limiter.acquire()
                    granted_at.append(time.monotonic() - began)

            async def outage() -> None:
                await asyncio.sleep(0.5)
                switch.cut()
                await asyncio.sleep(1.5)
                switch.is_on = True

            await asyncio.gather(outage(), *(work() for _ in range(3)))
            alone = [at for at in granted_at if 1.05 <= at < 1.85]
            assert 20 <= len(alone) <= 50 * 0.8 + 2
            again = [at for at in granted_at if 3.1 <= at < 3.6]
            assert 25 <= len(again) <= 50 + 3
            assert await direct.keys(f"*{name}*")

    with caplog.at_level(logging.WARNING):
        asyncio.run(story())
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_wrong_credentials_are_a_mistake_to_mend_not_an_outage(redis_url: str, name: str) -> None:
    async def story() -> None:
        async with Redis.from_url(redis_url, username="nobody", password="wrong") as client:
            limiter = RedisRateLimiter(client, name, 100, 2, processes=2)
            with pytest.raises(ConfigurationError, match="REDIS_URL") as error:
                await limiter.acquire()
            assert "wrong" not in str(error.value)

    asyncio.run(story())


@DOWN
def test_the_breaker_goes_by_a_circuit_of_its_own(server: Callable) -> None:
    """C7: it opens, probes and closes without Redis."""

    async def story() -> None:
        async with server() as client:
            policy = BreakerPolicy(min_calls=3, delay_s=0.05, max_delay_s=0.05)
            breaker = RedisCircuitBreaker(client, "shop", policy)
            for _ in range(3):
                await (await breaker.enter()).failed()
            with pytest.raises(CircuitOpenError):
                await breaker.enter()
            await asyncio.sleep(0.06)
            probe = await breaker.enter()
            with pytest.raises(CircuitOpenError):
                await breaker.enter()
            await probe.succeeded()
            for _ in range(2):
                await (await breaker.enter()).succeeded()

    asyncio.run(story())


def test_outcomes_count_even_when_redis_goes_away_before_they_are_reported(redis_url: str, name: str) -> None:
    """C7: a permit given by Redis and reported without it."""

    async def story() -> None:
        async with behind_a_switch(redis_url) as (client, switch):
            breaker = RedisCircuitBreaker(client, name, BreakerPolicy(min_calls=3))
            permits = [await breaker.enter() for _ in range(3)]
            switch.cut()
            for permit in permits:
                await permit.failed()
            with pytest.raises(CircuitOpenError):
                await breaker.enter()

    asyncio.run(story())


def test_after_a_silence_redis_is_left_alone_for_a_moment_then_asked_again() -> None:
    """An outage costs one time-out a second, not one a request."""

    async def story() -> None:
        async with silent_server() as client:
            now_s = 0.0
            script = RedisScript(client, "return 1", timeout_s=0.1, pause_s=1.0, clock=lambda: now_s)
            took_s = []
            for now_s in (0.0, 0.5, 0.99, 1.01, 1.5):  # noqa: B007 - the script's clock reads it
                began = time.monotonic()
                with pytest.raises(RedisUnavailableError):
                    await script([], [])
                took_s.append(time.monotonic() - began)
            assert [took >= 0.1 for took in took_s] == [True, False, False, True, False]

    asyncio.run(story())
