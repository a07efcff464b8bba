"""Four processes, one bucket: what a server sees in twenty seconds, by its own journal."""

import asyncio
import multiprocessing
import time
from collections.abc import Callable
from itertools import pairwise
from multiprocessing.synchronize import Barrier, Event
from uuid import uuid4

import pytest
import redis
from redis.asyncio import Redis

from ingestion.http_library import httpx
from ingestion.resilience.rate_limiter import RedisRateLimiter
from workbook.providers.client import MockSession

RATE_PER_S = 50
BURST = 10
SECONDS = 20
PROCESSES = 4
CALLERS = 5


def pull(redis_url: str, name: str, url: str, ready: Barrier, over: Event) -> list[tuple[str, float]]:
    """Ask as fast as the bucket allows until it is *over*; gives each request's mark, and when it was granted."""

    async def main() -> list[tuple[str, float]]:
        granted: list[tuple[str, float]] = []
        async with Redis.from_url(redis_url) as client, httpx.AsyncClient(base_url=url, trust_env=False) as http:
            limiter = RedisRateLimiter(client, name, RATE_PER_S, BURST)
            await asyncio.gather(*(http.get("/health") for _ in range(CALLERS)))  # open the connections

            async def caller() -> None:
                while not over.is_set():
                    await limiter.acquire()
                    mark = uuid4().hex
                    granted.append((mark, time.monotonic()))
                    (await http.get("/orders/offset", params={"limit": 1, "mark": mark})).raise_for_status()

            await asyncio.to_thread(ready.wait, 60)
            await asyncio.gather(*(caller() for _ in range(CALLERS)))
        return granted

    return asyncio.run(main())


def worst_excess(arrivals_s: list[float]) -> float:
    """The largest `n - RATE_PER_S * t` over all windows: `n` requests, the first and the last `t` seconds apart."""
    worst, best_start = 0.0, float("-inf")
    for number, at_s in enumerate(sorted(arrivals_s)):
        best_start = max(best_start, RATE_PER_S * at_s - number)
        worst = max(worst, number + 1 - RATE_PER_S * at_s + best_start)
    return worst


def test_the_worst_window_is_found() -> None:
    assert worst_excess([0.0, 0.0, 0.0, 1.0]) == 3
    assert worst_excess([0.0, 5.0, 5.01, 5.02]) == pytest.approx(2.0)


@pytest.mark.slow
@pytest.mark.alone
def test_four_processes_use_one_limit_fully_and_never_exceed_it(
    redis_url: str, api: Callable[..., MockSession]
) -> None:
    """T4, T10: with the scripts flushed in the middle, and no request refused by a server with the same limit."""
    name, session = f"load-{uuid4().hex}", api("calm")
    spawn = multiprocessing.get_context("spawn")
    with spawn.Manager() as manager, spawn.Pool(PROCESSES) as pool, redis.Redis.from_url(redis_url) as client:
        ready, over = manager.Barrier(PROCESSES + 1), manager.Event()
        work = (redis_url, name, session.base_url, ready, over)
        running = [pool.apply_async(pull, work) for _ in range(PROCESSES)]
        ready.wait(60)
        for _ in range(SECONDS):
            time.sleep(1)
            client.script_flush()
        over.set()
        granted_at = dict(granted for one in running for granted in one.get(30))
        client.delete(*client.keys(f"*{name}*"))

    arrived_at = {
        call["query"].partition("mark=")[2]: call["at_monotonic_s"]
        for call in session.journal()
        if "mark=" in call["query"]
    }
    assert set(arrived_at) == set(granted_at)
    # What is on its way for longer arrives nearer to what comes after: the server sees that, no limiter can help it.
    on_the_way_s = [arrived_at[mark] - granted_at[mark] for mark in granted_at]
    jitter_s = max(on_the_way_s) - min(on_the_way_s) + longest_oversleep_s(list(granted_at.values()))
    excess = worst_excess(list(arrived_at.values()))
    seconds = max(arrived_at.values()) - min(arrived_at.values())
    used = len(arrived_at) / (RATE_PER_S * seconds + BURST)
    print(f"{len(arrived_at)} requests, {used:.1%} of the limit; excess {excess:.2f}, jitter {jitter_s * 1000:.1f} ms")
    assert excess <= BURST + RATE_PER_S * jitter_s
    assert used >= 0.95
    assert seconds >= SECONDS - 0.5
    assert jitter_s < 0.25


def longest_oversleep_s(granted_at_s: list[float]) -> float:
    """How late a caller was for its slot at most, told by the grants: at the rate, they come at even distances."""
    steady = sorted(granted_at_s)[2 * BURST :]
    return max(0.0, max(after - before for before, after in pairwise(steady)) - 1 / RATE_PER_S)
