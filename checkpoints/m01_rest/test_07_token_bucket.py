"""Lesson m01.07: a bucket that keeps its line, forgets its burst after a penalty, and serves in order."""

import asyncio
import random
from collections.abc import Callable
from fractions import Fraction

import pytest

from ingestion.errors import ThrottledError
from ingestion.resilience.token_bucket import Limit, OverCapacityError, TokenBucket, after_penalty, next_slot
from workbook import virtual_time
from workbook.grading import expect
from workbook.virtual_time import CLOCK


@pytest.fixture
def limit(rng: random.Random) -> Limit:
    """A limit that divides nothing evenly."""
    return Limit(rng.choice([3, 7, 13, 49.9, 333.3]), rng.randrange(3, 10))


def slots_of(limit: Limit, full_at_us: int, asks: list[tuple[int, int]]) -> list[int]:
    """The slots that requests get, given as (moment, tokens)."""
    slots = []
    for now_us, tokens in asks:
        slot_us, full_at_us = next_slot(full_at_us, now_us, tokens * limit.token_us, limit.capacity_us)
        slots.append(slot_us)
    return slots


def test_ex1_a_full_bucket_grants_its_burst_at_once_and_then_the_rate(limit: Limit, rng: random.Random) -> None:
    """A full bucket grants exactly its burst at once; each request after that waits one interval longer."""
    now_us = rng.randrange(10**9, 10**12)
    wanted = [now_us + limit.token_us * max(0, number - limit.burst + 1) for number in range(limit.burst + 4)]
    came = slots_of(limit, now_us, [(now_us, 1)] * len(wanted))
    at_once = sum(slot == now_us for slot in came)
    expect(
        at_once == limit.burst,
        expected=f"{limit.burst} of {len(wanted)} requests to go at once from a full bucket of {limit.burst}",
        came=f"{at_once}",
        look_at="how far ahead of the present the bucket's next full moment may lie, before and after the request",
        hint=2,
    )
    expect(
        came == wanted,
        expected=f"those behind them to go {limit.token_us} us apart",
        came=f"waits in us: {[slot - now_us for slot in came]}",
        look_at="where the next one in line starts counting",
        hint=2,
    )


def test_ex1_idle_time_is_not_saved_up(limit: Limit, rng: random.Random) -> None:
    """A bucket that was full for an hour grants its burst at once, and not an hour's worth."""
    now_us = 10**12 + rng.randrange(10**6)
    came = slots_of(limit, now_us - 3_600_000_000, [(now_us, 1)] * (limit.burst + 5))
    at_once = sum(slot == now_us for slot in came)
    expect(
        at_once == limit.burst,
        expected=f"a burst of {limit.burst} after an idle hour",
        came=f"{at_once} requests at once",
        look_at="a bucket that overflows",
        hint=2,
    )


def test_ex1_waits_as_long_as_the_textbook_bucket(limit: Limit, rng: random.Random) -> None:
    """Any schedule of cheap and dear requests gets the waits that a textbook bucket, in exact fractions, would give."""
    now_us, level, seen_us, full_at_us = 10**9, Fraction(limit.burst), 10**9, 10**9
    for _ in range(300):
        now_us += rng.choice([0, 0, limit.token_us // 3, limit.token_us, 5 * limit.token_us])
        tokens = rng.randrange(1, limit.burst + 1)
        level = min(Fraction(limit.burst), level + Fraction(now_us - seen_us, limit.token_us)) - tokens
        seen_us, wanted = now_us, int(max(Fraction(0), -level) * limit.token_us)
        slot_us, full_at_us = next_slot(full_at_us, now_us, tokens * limit.token_us, limit.capacity_us)
        expect(
            slot_us - now_us == wanted,
            expected=f"{tokens} tokens after a wait of {wanted} us",
            came=f"{slot_us - now_us} us",
            look_at="what the request before this one left behind",
            hint=2,
        )


def first_slots(limit: Limit, full_at_us: int, now_us: int, count: int) -> list[int]:
    """When *count* requests for one token each may go, worked out here so that exercise 2 stands on its own."""
    return [max(now_us, full_at_us + number * limit.token_us - limit.capacity_us) for number in range(1, count + 1)]


def test_ex2_the_first_goes_when_the_penalty_ends_and_the_rest_at_the_rate(limit: Limit, rng: random.Random) -> None:
    """After a penalty on a full bucket one request goes at its very end, and the others one interval apart."""
    now_us = 10**9
    until_us = now_us + rng.randrange(10**6, 10**8)
    came = first_slots(limit, after_penalty(now_us, until_us, limit), now_us, 5)
    expect(
        came[0] == until_us,
        expected=f"the first request exactly at the end of a penalty of {until_us - now_us} us",
        came=f"after {came[0] - now_us} us",
        look_at="how many tokens the bucket holds at that moment",
        hint=2,
    )
    expect(
        came == [until_us + number * limit.token_us for number in range(5)],
        expected=f"the others {limit.token_us} us apart, without a burst",
        came=f"us after the penalty: {[slot - until_us for slot in came]}",
        look_at="what was saved up before the penalty",
        hint=2,
    )


def test_ex2_a_burst_saved_up_for_hours_is_void(limit: Limit, rng: random.Random) -> None:
    """However long the bucket has been full, one token is left at the end of a penalty."""
    until_us = 10**12 + rng.randrange(10**5)
    came = first_slots(limit, after_penalty(rng.randrange(10**9), until_us, limit), until_us, limit.burst)
    at_once = sum(slot == until_us for slot in came)
    expect(
        at_once == 1,
        expected=f"one request at the end of a penalty on a bucket of {limit.burst} that was full for days",
        came=f"{at_once}",
        look_at="what was saved up before the penalty",
        hint=2,
    )


def test_ex2_a_short_penalty_never_ends_a_long_one(limit: Limit, rng: random.Random) -> None:
    """A second penalty that ends sooner changes nothing, and neither does one on a bucket that is further behind."""
    long_us = 10**9 + rng.randrange(10**8, 10**9)
    behind = after_penalty(10**9, long_us, limit)
    for until_us in (10**9, 10**9 + 1, long_us - 1, long_us):
        came = after_penalty(behind, until_us, limit)
        expect(
            came == behind,
            expected="a bucket that is already waiting for longer to stay as it is",
            came=f"full {behind - came} us sooner",
            look_at="which of two penalties wins",
            hint=3,
        )


def test_ex2_a_bucket_that_is_behind_is_held_back_too(limit: Limit, rng: random.Random) -> None:
    """Whatever the bucket owes when the penalty begins, at its end there is one token at most."""
    until_us = 10**9 + rng.randrange(10**6)
    for behind_us in (0, 1, limit.token_us // 2, limit.capacity_us - limit.token_us, limit.capacity_us):
        came = after_penalty(until_us + behind_us, until_us, limit)
        wanted = until_us + max(behind_us, limit.capacity_us - limit.token_us)
        expect(
            came == wanted,
            expected=f"full {wanted - until_us} us after a penalty, where it would have been {behind_us} us after it",
            came=f"{came - until_us} us",
            look_at="how many tokens the bucket holds at the end of the penalty",
            hint=3,
        )


def a_bucket(rate_per_s: float = 10, capacity: int = 5) -> TokenBucket:
    return TokenBucket(rate_per_s, capacity, clock=CLOCK.time_s, sleep=CLOCK.sleep)


def granted_at(
    callers: list[tuple[float, int]],
    *,
    meanwhile: Callable[[TokenBucket, list[asyncio.Task[float]]], object] = lambda *_: None,
    at_s: float = 0.0,
    capacity: int = 5,
) -> list[tuple[float, int]]:
    """When callers, given as (arrival, tokens), are granted their tokens, with the number of each; *meanwhile* happens at *at_s*."""

    async def story() -> list[tuple[float, int]]:
        bucket, granted = a_bucket(capacity=capacity), []

        async def caller(number: int, comes_s: float, tokens: int) -> float:
            await asyncio.sleep(comes_s)
            waited_s = await bucket.acquire(tokens)
            granted.append((round(CLOCK.time_s(), 4), number))
            return waited_s

        tasks = [asyncio.create_task(caller(number, *what)) for number, what in enumerate(callers)]
        try:
            await asyncio.sleep(at_s)
            meanwhile(bucket, tasks)
        finally:
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome
        return granted

    return virtual_time.run(story())


def test_ex3_serves_in_the_order_of_arrival(rng: random.Random) -> None:
    """Dear and cheap requests are served in the order in which they came."""
    callers = [(number * 0.001, rng.choice([1, 1, 5])) for number in range(20)]
    came = [number for _, number in granted_at(callers)]
    expect(
        came == sorted(came),
        expected="20 callers to be served in the order they came",
        came=f"the order {came}",
        look_at="who may take tokens while somebody else waits for five",
        hint=1,
    )


def test_ex3_keeps_the_line_and_uses_it_fully(rng: random.Random) -> None:
    """Callers who wait are granted everything that rate and burst allow, no sooner and no later."""
    callers = rng.randrange(12, 30)
    came = [at for at, _ in granted_at([(0.0, 1)] * callers)]
    wanted = [max(0, number - 4) / 10 for number in range(callers)]
    expect(
        came == pytest.approx(wanted, abs=0.002),
        expected="five at once and then one every 0.1 s",
        came=came,
        look_at="how long is slept, and who reserves when",
        hint=3,
    )


def test_ex3_takes_as_many_as_were_asked_for() -> None:
    """Who asks for several tokens waits for all of them, and so does whoever comes next."""
    came = [at for at, _ in granted_at([(0.0, 5), (0.001, 5), (0.002, 3), (0.003, 1)])]
    expect(
        came == pytest.approx([0, 0.5, 0.8, 0.9], abs=0.002),
        expected="5, 5, 3 and 1 tokens of 10 a second granted at 0, 0.5, 0.8 and 0.9 s",
        came=came,
        look_at="how many tokens are reserved",
        hint=3,
    )


def test_ex3_sleeps_by_the_clock_and_the_sleep_it_was_given() -> None:
    """Time passes on the bucket's own clock, and its own sleep is what moves it."""
    now_s, slept_s = 100.0, list[float]()

    async def sleep(delay_s: float) -> None:
        nonlocal now_s
        now_s += delay_s
        slept_s.append(delay_s)

    async def story() -> list[float]:
        bucket = TokenBucket(10, 1, clock=lambda: now_s, sleep=sleep)
        return [await bucket.acquire() for _ in range(3)]

    came = virtual_time.run(story())
    expect(
        came == pytest.approx([0, 0.1, 0.1]) and sum(slept_s) == pytest.approx(0.2),
        expected="waits of 0, 0.1 and 0.1 s, slept through by the sleep that was given",
        came=f"waits of {came}, sleeps of {slept_s}",
        look_at="`self._sleep` and `self._clock`",
        hint=3,
    )


def test_ex3_tells_how_long_the_caller_waited() -> None:
    """The result is the time from the call to the grant, the time in line included."""

    async def story() -> list[float]:
        bucket = a_bucket(capacity=1)
        return await asyncio.gather(*(bucket.acquire() for _ in range(4)))

    came = virtual_time.run(story())
    expect(
        came == pytest.approx([0, 0.1, 0.2, 0.3], abs=0.002),
        expected="waits of 0, 0.1, 0.2 and 0.3 s",
        came=came,
        look_at="when the clock is read first",
        hint=3,
    )


@pytest.mark.parametrize("leaves", [1, 3])
def test_ex3_whoever_is_cancelled_leaves_no_trace(leaves: int) -> None:
    """A caller cancelled in line costs the others nothing, wherever it stood."""

    def leave(_: TokenBucket, tasks: list[asyncio.Task[float]]) -> None:
        tasks[leaves].cancel()

    came = [at for at, _ in granted_at([(0.0, 1)] * 6, meanwhile=leave, at_s=0.05, capacity=1)]
    expect(
        came == pytest.approx([0, 0.1, 0.2, 0.3, 0.4], abs=0.002),
        expected="five callers granted at 0, 0.1, 0.2, 0.3 and 0.4 s after a sixth was cancelled in line",
        came=came,
        look_at="who has taken tokens and will never use them",
        hint=2,
    )


def test_ex3_what_was_reserved_behind_the_cancelled_stands() -> None:
    """When somebody has reserved, or a penalty has begun, while it slept, a cancelled caller gives nothing back."""

    async def story(penalty_s: float) -> tuple[float, float]:
        bucket = a_bucket(capacity=1)
        await bucket.acquire()
        sleeper = asyncio.create_task(bucket.acquire())
        await asyncio.sleep(0.05)
        reserved_s = 0.0
        if penalty_s:
            bucket.penalise(penalty_s)
        else:
            reserved_s = bucket.reserve()
        sleeper.cancel()
        await asyncio.gather(sleeper, return_exceptions=True)
        return reserved_s, await bucket.acquire()

    reserved_s, came = virtual_time.run(story(0.0))
    expect(
        came == pytest.approx(reserved_s + 0.1, abs=0.002),
        expected=f"the next caller 0.1 s behind the one who had reserved for {reserved_s:.2f} s from now",
        came=f"{came:.2f} s from now",
        look_at="whose tokens you give back",
        hint=2,
    )
    _, came = virtual_time.run(story(3.0))
    expect(
        came == pytest.approx(3.0, abs=0.002),
        expected="the next caller to wait out the penalty of 3 s",
        came=f"{came:.2f} s",
        look_at="what else has changed while the cancelled caller slept",
        hint=2,
    )


def test_ex3_a_penalty_holds_for_the_one_already_asleep() -> None:
    """A penalty that begins while callers wait stops them all, the head of the line included; then the rate, no burst."""
    came = [at for at, _ in granted_at([(0.0, 1)] * 8, meanwhile=lambda bucket, _: bucket.penalise(2.0), at_s=0.05)]
    after = [at for at in came if at > 0.05]
    expect(
        min(after) >= 2.05,
        expected="nothing granted between 0.05 s and 2.05 s, when the server asked for 2 s of silence",
        came=f"granted at {came}",
        look_at="whether whoever wakes up asks if its slot still stands",
        hint=3,
    )
    expect(
        after == pytest.approx([2.05, 2.15, 2.25], abs=0.002),
        expected="the others at 2.05, 2.15 and 2.25 s",
        came=after,
        look_at="a slot taken anew after the penalty",
        hint=3,
    )


def test_ex3_a_penalty_on_a_penalty_counts_too() -> None:
    """A second penalty, given while the first one is being sat out, is obeyed as well."""

    async def story() -> float:
        bucket = a_bucket()
        bucket.penalise(1.0)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(bucket.acquire())
            for _ in range(3):
                await asyncio.sleep(0.9)
                bucket.penalise(1.0)
        return CLOCK.time_s()

    came = virtual_time.run(story())
    expect(
        came == pytest.approx(3.7, abs=0.002),
        expected="the first grant at 3.7 s, when the last of four penalties ends",
        came=f"{came:.3f} s",
        look_at="how often a caller who wakes up checks",
        hint=3,
    )


def test_ex3_too_long_a_wait_is_refused_at_once_and_takes_nothing(rng: random.Random) -> None:
    """A caller who may not wait long enough gets ThrottledError at once, and the bucket is as before."""

    async def story() -> None:
        bucket = a_bucket(capacity=1)
        await bucket.acquire()
        for patience_s in (0.0, rng.uniform(0.01, 0.09)):
            try:
                waited: object = await bucket.acquire(max_wait_s=patience_s)
            except ThrottledError as error:
                waited = error.retry_after_s
            expect(
                waited == pytest.approx(0.1, abs=1e-6) and CLOCK.time_s() == 0,
                expected=f"a ThrottledError with retry_after_s=0.1, at once, for a caller who waits {patience_s:.3f} s",
                came=f"{waited} after {CLOCK.time_s():.3f} s",
                look_at="what is known before sleeping",
                hint=3,
            )
        came = await bucket.acquire(max_wait_s=0.1)
        expect(
            came == pytest.approx(0.1, abs=0.002),
            expected="the next caller, who allows the 0.1 s that it takes, to wait 0.1 s, as if nobody had been refused",
            came=f"{came:.3f} s",
            look_at="what a refused caller has taken",
            hint=3,
        )

    virtual_time.run(story())


def test_ex3_time_in_line_counts() -> None:
    """What was waited in line is part of the wait that a caller allows."""

    async def story() -> str:
        bucket = a_bucket(capacity=1)
        await bucket.acquire()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(bucket.acquire())
            await asyncio.sleep(0)
            try:
                await bucket.acquire(max_wait_s=0.15)
            except ThrottledError:
                return f"refused at {CLOCK.time_s():.1f} s"
            return f"granted at {CLOCK.time_s():.1f} s"

    came = virtual_time.run(story())
    expect(
        came == "refused at 0.1 s",
        expected="a caller who allows 0.15 s in all to be refused at the head of the line, after 0.1 s in it",
        came=came,
        look_at="what is left of max_wait_s by then",
        hint=3,
    )


def test_ex3_a_penalty_does_not_outlast_the_callers_patience() -> None:
    """Who learns on waking that a penalty has begun is refused if it lasts longer than is left of `max_wait_s`."""

    async def story() -> str:
        bucket = a_bucket(capacity=1)
        await bucket.acquire()
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(outcome_of(bucket))
            await asyncio.sleep(0.05)
            bucket.penalise(5.0)
        return waiting.result()

    async def outcome_of(bucket: TokenBucket) -> str:
        try:
            await bucket.acquire(max_wait_s=1.0)
        except ThrottledError:
            return f"refused at {CLOCK.time_s():.1f} s"
        return f"granted at {CLOCK.time_s():.1f} s"

    came = virtual_time.run(story())
    expect(
        came == "refused at 0.1 s",
        expected="a caller who allows 1 s to be refused at 0.1 s, when it wakes up into a penalty of 5 s",
        came=came,
        look_at="how often the wait is compared with what is left",
        hint=3,
    )


def test_ex3_the_impossible_is_refused_without_waiting() -> None:
    """More tokens than the bucket holds is an error at once, even behind a long line."""

    async def story() -> None:
        bucket = a_bucket(capacity=3)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(5):
                tasks.create_task(bucket.acquire(3))
            await asyncio.sleep(0.01)
            try:
                came: object = await bucket.acquire(4)
            except OverCapacityError:
                came = "refused"
            expect(
                came == "refused" and CLOCK.time_s() < 0.02,
                expected="an OverCapacityError at once for 4 tokens of a bucket that holds 3",
                came=f"{came} after {CLOCK.time_s():.2f} s",
                look_at="what can be known before standing in line",
                hint=1,
            )

    virtual_time.run(story())
