"""The rule of a circuit breaker, and one process's own, on a clock set by hand."""

import asyncio
import logging
from datetime import UTC, datetime

import pytest

from ingestion.errors import (
    AmbiguousError,
    CircuitOpenError,
    CorruptError,
    DeadlineExceededError,
    IngestionError,
    PermanentError,
    ThrottledError,
    TransientError,
)
from ingestion.http_library import httpx
from ingestion.resilience.circuit_breaker import BreakerPolicy, CircuitBreaker, State
from ingestion.resilience.permit import Permit
from ingestion.resilience.upstream import Verdict, upstream_name, verdict_of


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def time_s(self) -> float:
        return self.now_s


QUICK = BreakerPolicy(min_calls=4, window_s=10, delay_s=1, max_delay_s=8, probe_lease_s=5)


def a_breaker(clock: Clock, policy: BreakerPolicy = QUICK) -> CircuitBreaker:
    """A breaker that always stays open for the full delay."""
    return CircuitBreaker("shop", policy, clock=clock.time_s, uniform=lambda low, high: high)


async def trip(breaker: CircuitBreaker, failures: int = 4) -> None:
    for _ in range(failures):
        await (await breaker.enter()).failed()


async def admitted(breaker: CircuitBreaker, callers: int) -> list[Permit]:
    """The permits that *callers* asking at once get between them."""
    answers = await asyncio.gather(*(breaker.enter() for _ in range(callers)), return_exceptions=True)
    assert all(isinstance(answer, Permit | CircuitOpenError) for answer in answers)
    return [answer for answer in answers if isinstance(answer, Permit)]


async def test_half_open_exactly_one_of_a_hundred_passes() -> None:
    """C1, C8."""
    clock = Clock()
    breaker = a_breaker(clock)
    await trip(breaker)
    assert await admitted(breaker, 100) == []
    clock.now_s += 1.0
    assert breaker.state is State.HALF_OPEN
    (probe,) = await admitted(breaker, 100)
    await probe.succeeded()
    assert breaker.state is State.CLOSED
    assert len(await admitted(breaker, 100)) == 100


async def test_a_probe_that_is_never_heard_of_again_blocks_until_its_lease_ends_and_no_longer() -> None:
    """C2."""
    clock = Clock()
    breaker = a_breaker(clock)
    await trip(breaker)
    clock.now_s += 1.0
    (lost,) = await admitted(breaker, 10)
    clock.now_s += 4.999
    assert await admitted(breaker, 10) == []
    clock.now_s += 0.001
    (second,) = await admitted(breaker, 10)
    await lost.succeeded()  # too late: another one is on its way
    assert breaker.state is State.HALF_OPEN
    await lost.failed()
    await second.succeeded()
    assert breaker.state is State.CLOSED


async def test_an_abandoned_probe_makes_room_for_another_at_once() -> None:
    """C2, B6: a cancelled probe says nothing about the upstream."""
    clock = Clock()
    breaker = a_breaker(clock)
    await trip(breaker)
    clock.now_s += 1.0

    async def probe() -> None:
        async with await breaker.enter():
            await asyncio.sleep(3600)

    task = asyncio.create_task(probe())
    await asyncio.sleep(0)
    assert await admitted(breaker, 3) == []
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert breaker.state is State.HALF_OPEN
    assert len(await admitted(breaker, 3)) == 1


@pytest.mark.parametrize("status", [500, 501, 502, 503, 504, 505, 599])
def test_server_errors_count(status: int) -> None:
    """C3: a 503 that says when to come back is still a 503."""
    assert verdict_of(httpx.Response(status, headers={"Retry-After": "1"})) is Verdict.FAILED
    assert verdict_of(PermanentError("no", status_code=status)) is Verdict.FAILED


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("slow"),
        httpx.ReadTimeout("slow"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("cut short"),
        TimeoutError(),
        ConnectionResetError(),
        TransientError("503"),
        DeadlineExceededError("10 s"),
    ],
)
def test_time_outs_and_broken_connections_count(error: Exception) -> None:
    """C3."""
    assert verdict_of(error) is Verdict.FAILED


@pytest.mark.parametrize("status", [200, 204, 301, 400, 401, 404, 408, 422])
def test_any_other_answer_shows_that_the_upstream_is_alive(status: int) -> None:
    """C3: 4xx is the caller's fault."""
    assert verdict_of(httpx.Response(status)) is Verdict.SUCCEEDED
    assert verdict_of(PermanentError("no", status_code=status)) is Verdict.SUCCEEDED


@pytest.mark.parametrize(
    "outcome",
    [
        httpx.Response(429),
        ThrottledError("patience", not_before=datetime(2026, 1, 5, tzinfo=UTC)),
        asyncio.CancelledError(),
        KeyboardInterrupt(),
        GeneratorExit(),
        CircuitOpenError("elsewhere", retry_after_s=1.0),
        httpx.PoolTimeout("we are busy ourselves"),
        httpx.UnsupportedProtocol("ftp"),
        CorruptError("html"),
        PermanentError("a next link to another host"),
        ZeroDivisionError(),
        IngestionError("any"),
    ],
)
def test_what_says_nothing_about_the_upstream_is_not_counted(outcome: httpx.Response | BaseException) -> None:
    """C3, B6: 429, cancellation, and our own mistakes."""
    assert verdict_of(outcome) is Verdict.ABANDONED


def test_an_unsafe_call_cut_off_in_the_middle_says_nothing_certain() -> None:
    assert verdict_of(AmbiguousError("POST cut off")) is Verdict.ABANDONED


async def test_abandoned_calls_neither_open_it_nor_dilute_the_rate() -> None:
    """C3, C4."""
    breaker = a_breaker(Clock())
    for _ in range(100):
        await (await breaker.enter()).abandoned()
    await trip(breaker, 3)
    assert breaker.state is State.CLOSED
    await trip(breaker, 1)
    assert breaker.state is State.OPEN


async def test_it_opens_on_a_rate_and_only_with_enough_calls() -> None:
    """C4: 3 failures of 3 are too few calls; 5 of 11 are too few failures; 6 of 12 are enough."""
    breaker = a_breaker(Clock())
    await trip(breaker, 3)
    assert breaker.state is State.CLOSED
    other = a_breaker(Clock())
    for _ in range(6):
        await (await other.enter()).succeeded()
    await trip(other, 5)
    assert other.state is State.CLOSED
    await trip(other, 1)
    assert other.state is State.OPEN


async def test_what_happened_before_the_window_is_forgotten() -> None:
    """C4: to within a tenth of the window."""
    clock = Clock()
    breaker = a_breaker(clock)
    await trip(breaker, 3)
    clock.now_s += 10.0
    await trip(breaker, 3)
    assert breaker.state is State.CLOSED
    clock.now_s += 8.9
    await trip(breaker, 1)
    assert breaker.state is State.OPEN


def test_each_origin_and_credential_has_a_circuit_of_its_own() -> None:
    """C5: and the name gives no credential away."""
    one = upstream_name("https://api.shop.example/v1/orders?page=2", "sk_live_1")
    assert one == upstream_name("https://API.shop.example:443/v2", "sk_live_1")
    others = {
        upstream_name("https://api.shop.example/v1", "sk_live_2"),
        upstream_name("https://api.shop.example/v1"),
        upstream_name("http://api.shop.example/v1", "sk_live_1"),
        upstream_name("https://api.shop.example:8443/v1", "sk_live_1"),
        upstream_name("https://files.shop.example/v1", "sk_live_1"),
    }
    assert len(others - {one}) == 5
    assert "sk_live" not in "".join(others)


async def test_results_from_before_the_outage_change_nothing() -> None:
    """C6: a late success does not close it, a late failure does not open it again."""
    clock = Clock()
    breaker = a_breaker(clock)
    slow = [await breaker.enter() for _ in range(8)]
    await trip(breaker)
    await slow[0].succeeded()
    assert breaker.state is State.OPEN
    clock.now_s += 1.0
    (probe,) = await admitted(breaker, 1)
    await slow[1].succeeded()
    await slow[2].failed()
    assert breaker.state is State.HALF_OPEN
    await probe.succeeded()
    for late in slow[3:]:
        await late.failed()
    assert breaker.state is State.CLOSED
    await trip(breaker, 3)
    assert breaker.state is State.CLOSED


async def test_the_first_verdict_counts_and_the_last_word_is_not_needed() -> None:
    breaker = a_breaker(Clock())
    for _ in range(3):
        async with await breaker.enter() as permit:
            await permit.failed()
            await permit.succeeded()
    assert breaker.state is State.CLOSED
    async with await breaker.enter() as permit:
        await permit.failed()
    assert breaker.state is State.OPEN


async def test_a_refusal_says_when_to_ask_again_and_that_nothing_was_sent() -> None:
    """C9, C11: it is transient, so it is put off and never parked as poison."""
    clock = Clock()
    breaker = a_breaker(clock)
    await trip(breaker)
    clock.now_s += 0.25
    with pytest.raises(CircuitOpenError, match="0.750 s") as refused:
        await breaker.enter()
    assert refused.value.retry_after_s == pytest.approx(0.75)
    assert isinstance(refused.value, TransientError)
    assert not refused.value.request_sent


async def test_each_opening_in_a_row_lasts_longer_up_to_a_limit_and_closing_starts_over() -> None:
    """C10."""
    clock = Clock()
    breaker = a_breaker(clock)

    async def wait_s() -> float:
        with pytest.raises(CircuitOpenError) as refused:
            await breaker.enter()
        clock.now_s += refused.value.retry_after_s or 0
        return round(refused.value.retry_after_s or 0, 6)

    await trip(breaker)
    waits = []
    for _ in range(100):
        waits.append(await wait_s())
        await (await breaker.enter()).failed()
    assert waits[:5] == [1, 2, 4, 8, 8]
    assert set(waits[3:]) == {8}
    await wait_s()
    await (await breaker.enter()).succeeded()
    await trip(breaker)
    assert await wait_s() == 1


async def test_delays_are_drawn_between_half_and_all() -> None:
    """C10: a thousand processes do not probe in step."""
    clock, seen = Clock(), set()
    for part in (0.5, 0.6, 0.75, 1.0):
        breaker = CircuitBreaker("shop", QUICK, clock=clock.time_s, uniform=lambda low, high, part=part: part)
        await trip(breaker)
        with pytest.raises(CircuitOpenError) as refused:
            await breaker.enter()
        seen.add(round(refused.value.retry_after_s or 0, 6))
    assert seen == {0.5, 0.6, 0.75, 1.0}


async def test_a_change_of_state_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    breaker = a_breaker(clock)
    with caplog.at_level(logging.WARNING):
        await trip(breaker)
        clock.now_s += 1
        await (await breaker.enter()).succeeded()
    assert [record.message for record in caplog.records] == ["circuit shop is open", "circuit shop is closed"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"failure_rate": 0},
        {"failure_rate": 1.01},
        {"failure_rate": float("nan")},
        {"min_calls": 0},
        {"window_s": 0},
        {"delay_s": 0},
        {"delay_s": 61},
        {"max_delay_s": 3601},
        {"probe_lease_s": 0},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="want"):
        BreakerPolicy(**wrong)  # type: ignore[arg-type]
