"""One process's bucket, on a clock that jumps."""

import asyncio
import math

import pytest

from ingestion.errors import ConfigurationError, ThrottledError
from ingestion.resilience.token_bucket import Limit, OverCapacityError, TokenBucket
from workbook import virtual_time
from workbook.virtual_time import CLOCK


def bucket(rate_per_s: float, capacity: int) -> TokenBucket:
    return TokenBucket(rate_per_s, capacity, clock=CLOCK.time_s, sleep=CLOCK.sleep)


async def grants(rate_per_s: float, capacity: int, callers: int, tokens: int = 1) -> list[float]:
    return await grant_times(bucket(rate_per_s, capacity), callers, tokens)


async def grant_times(shared: TokenBucket, callers: int, tokens: int = 1) -> list[float]:
    async def caller() -> float:
        await shared.acquire(tokens)
        return CLOCK.time_s()

    return await asyncio.gather(*(caller() for _ in range(callers)))


@pytest.mark.parametrize("rate_per_s", [0.1, 0.3, 1 / 3, 3, 7, 49.9, 333.3, 10_000])
@pytest.mark.parametrize("started_s", [0.0, 0.1 + 0.2, 123_456.789, 1.7e9 + 0.1])
def test_a_fresh_bucket_admits_its_whole_burst_and_no_more(rate_per_s: float, started_s: float) -> None:
    """T3: no rounding refuses the last token of a burst, whatever the rate and the clock."""
    full = TokenBucket(rate_per_s, 25, clock=lambda: started_s)
    assert [full.try_take() for _ in range(26)] == [True] * 25 + [False]


@pytest.mark.parametrize("rate_per_s", [0.3, 3, 7, 49.9, 333.3])
def test_after_the_wait_that_was_told_the_tokens_are_there(rate_per_s: float) -> None:
    """T3: nobody comes back a rounding error too early."""
    now_s = 1234.5
    asked, taken_from = (TokenBucket(rate_per_s, 5, clock=lambda: now_s) for _ in range(2))
    for step in range(200):
        tokens = step % 5 + 1
        now_s += asked.reserve(tokens)
        assert taken_from.try_take(tokens)


def test_waits_follow_the_line_of_rate_and_burst() -> None:
    assert virtual_time.run(grants(10, 3, 8)) == pytest.approx([0, 0, 0, 0.1, 0.2, 0.3, 0.4, 0.5], abs=1e-5)


def test_dearer_requests_wait_for_all_their_tokens() -> None:
    assert virtual_time.run(grants(10, 4, 4, tokens=3)) == pytest.approx([0, 0.2, 0.5, 0.8], abs=1e-5)


def test_a_dear_request_in_line_is_not_overtaken_by_cheap_ones() -> None:
    async def story() -> list[str]:
        shared, order = bucket(10, 10), []
        await shared.acquire(10)

        async def caller(name: str, tokens: int) -> None:
            await shared.acquire(tokens)
            order.append(name)

        async with asyncio.TaskGroup() as tasks:
            for name, tokens in [("dear", 10), ("cheap", 1), ("cheap", 1)]:
                tasks.create_task(caller(name, tokens))
            await asyncio.sleep(0.5)
            assert not shared.try_take()  # the tokens there now are being saved up for the dear one
        return order

    assert virtual_time.run(story()) == ["dear", "cheap", "cheap"]


def test_more_than_the_bucket_holds_is_an_error_not_an_eternal_wait() -> None:
    """T8: for every verb, at once, even while others wait in line."""

    async def story() -> None:
        shared = bucket(1, 5)
        await shared.acquire(5)
        waiting = asyncio.create_task(shared.acquire(5))
        await asyncio.sleep(0.1)
        for ask in (shared.reserve, shared.try_take):
            with pytest.raises(OverCapacityError, match="6 tokens never fit a burst of 5"):
                ask(6)
        with pytest.raises(ConfigurationError):
            await shared.acquire(6)
        assert CLOCK.time_s() == pytest.approx(0.1)
        await waiting

    virtual_time.run(story())


@pytest.mark.parametrize("tokens", [0, -1, 0.5, math.nan, math.inf])
def test_nonsense_amounts_are_refused_and_change_nothing(tokens: float) -> None:
    shared = TokenBucket(1, 2, clock=lambda: 0.0)
    for ask in (shared.reserve, shared.try_take):
        with pytest.raises(ValueError):
            ask(tokens)  # type: ignore[arg-type]
    assert shared.try_take(2)


@pytest.mark.parametrize(
    ("rate_per_s", "burst"),
    [
        (0, 1),
        (-1, 1),
        (math.nan, 1),
        (math.inf, 1),
        (10_001, 1),
        (1, 0),
        (1, -1),
        (1, 1.5),
        (1, math.nan),
        (1e-9, 1),
    ],
)
def test_limits_that_cannot_be_kept_are_refused(rate_per_s: float, burst: float) -> None:
    with pytest.raises(ValueError, match="want"):
        Limit(rate_per_s, burst)  # type: ignore[arg-type]


def test_a_wait_beyond_what_the_caller_allows_fails_at_once_and_takes_nothing() -> None:
    """B3: nobody sleeps past a deadline."""

    async def story() -> None:
        shared = bucket(1, 1)
        await shared.acquire()
        with pytest.raises(ThrottledError, match="may go in 1.000 s") as refused:
            await shared.acquire(max_wait_s=0.9)
        assert CLOCK.time_s() == 0
        assert refused.value.retry_after_s == 1
        assert not refused.value.request_sent
        assert await shared.acquire(max_wait_s=1.0) == pytest.approx(1.0)

    virtual_time.run(story())


def test_time_spent_in_line_counts_against_what_the_caller_allows() -> None:
    async def story() -> None:
        shared = bucket(1, 1)
        await shared.acquire()
        first = asyncio.create_task(shared.acquire())
        second = asyncio.create_task(shared.acquire(max_wait_s=1.5))
        assert await first == pytest.approx(1.0)
        with pytest.raises(ThrottledError):
            await second
        assert CLOCK.time_s() == pytest.approx(1.0)

    virtual_time.run(story())


@pytest.mark.parametrize("cancelled", [0, 1, 4])
def test_a_caller_cancelled_in_line_leaves_the_bucket_as_it_was(cancelled: int) -> None:
    """T13, B6: the others go as if it had never come, wherever it stood."""

    async def story(callers: int, give_up: int | None) -> list[float]:
        shared, times = bucket(2, 1), []
        await shared.acquire()

        async def caller() -> None:
            await shared.acquire()
            times.append(CLOCK.time_s())

        tasks = [asyncio.create_task(caller()) for _ in range(callers)]
        await asyncio.sleep(0.25)
        if give_up is not None:
            tasks[give_up].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return times

    with_one_who_left = virtual_time.run(story(5, cancelled))
    assert with_one_who_left == pytest.approx(virtual_time.run(story(4, None)), abs=1e-5)


def test_a_penalty_stops_everyone_even_those_already_waiting() -> None:
    """R7: the next request of anyone comes no earlier than the server asked; then at the rate, without a burst."""

    async def story() -> list[float]:
        shared = bucket(10, 5)
        await shared.acquire(5)
        waiting = asyncio.create_task(grant_times(shared, 3))
        await asyncio.sleep(0.05)
        shared.penalise(2.0)
        return await waiting

    assert virtual_time.run(story()) == pytest.approx([2.05, 2.15, 2.25], abs=1e-5)


def test_traffic_resumes_at_the_rate_after_a_penalty_on_a_full_bucket() -> None:
    async def story() -> list[float]:
        shared = bucket(10, 5)
        shared.penalise(2.0)
        shared.penalise(0.5)  # a shorter one never ends a longer one
        return await grant_times(shared, 3)

    assert virtual_time.run(story()) == pytest.approx([2.0, 2.1, 2.2], abs=1e-5)


def test_any_number_a_server_may_send_can_be_a_penalty() -> None:
    """R6: 10^23 seconds overflow nothing; nonsense is refused."""
    shared = TokenBucket(10, 5, clock=lambda: 0.0)
    for nonsense in (-1.0, math.nan):
        with pytest.raises(ValueError, match="penalty"):
            shared.penalise(nonsense)
    assert shared.reserve() == 0
    shared.penalise(10.0**23)
    shared.penalise(math.inf)
    assert 86_400 < shared.reserve() < 1e9
