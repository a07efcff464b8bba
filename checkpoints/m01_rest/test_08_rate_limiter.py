"""Lesson m01.08: one bucket for many processes, in one script, with one call for each request."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
import redis
from redis.crc import key_slot

from ingestion.errors import ThrottledError
from ingestion.resilience import rate_limiter
from ingestion.resilience.rate_limiter import PENALTY, RedisRateLimiter, limit_keys, reserve_script
from ingestion.resilience.redis_script import RedisUnavailableError
from ingestion.resilience.token_bucket import Limit, OverCapacityError
from workbook import virtual_time
from workbook.grading import expect
from workbook.virtual_time import CLOCK

NOW_US = 1_767_603_600_123_456
FOR_EVER_US = 2**53 - 1


def a_name(rng: random.Random) -> str:
    return f"https://{rng.choice(['shop', 'files', 'api'])}-{rng.randrange(1000)}.example:443#{rng.randrange(10**6)}"


def test_ex1_all_limits_of_a_name_lie_in_one_slot(rng: random.Random) -> None:
    """A Redis cluster keeps all keys of one name on one node, so that one script may change them."""
    for _ in range(20):
        name = a_name(rng)
        keys = limit_keys(name, 5)
        slots = {key_slot(key.encode()) for key in keys}
        expect(
            len(slots) == 1,
            expected=f"five keys for {name} in one of the 16,384 slots",
            came=f"{len(slots)} slots: {keys}",
            look_at="what stands between the first braces of each key",
            hint=2,
        )


def test_ex1_every_limit_of_every_name_has_its_own_key(rng: random.Random) -> None:
    """No two limits share a key, neither of one name nor of two."""
    names = [*{a_name(rng) for _ in range(50)}, "a", "a:1", "a:10"]
    keys = [key for name in names for key in limit_keys(name, 12)]
    expect(
        len(set(keys)) == 12 * len(names),
        expected=f"{12 * len(names)} different keys for {len(names)} names of 12 limits each",
        came=f"{len(set(keys))}",
        look_at="what tells the second limit from the first, and one name from another",
        hint=2,
    )


def test_ex1_names_are_spread_over_the_slots(rng: random.Random) -> None:
    """Different names lie in different slots, so that a cluster shares the work."""
    slots = {key_slot(limit_keys(f"{a_name(rng)} {number}", 1)[0].encode()) for number in range(200)}
    expect(
        len(slots) > 150,
        expected="200 names in some 200 different slots",
        came=f"{len(slots)} slots",
        look_at="which part of the key the braces hold",
        hint=2,
    )


@pytest.mark.parametrize("name", ["", "{", "}", "shop{1}", "}shop", "shop}"])
def test_ex1_refuses_names_that_would_move_the_slot(name: str) -> None:
    """A name with a brace in it, or none at all, is refused with ValueError."""
    try:
        came: object = limit_keys(name, 2)
    except ValueError:
        return
    expect(
        False,
        expected=f"a ValueError for the name {name!r}",
        came=came,
        look_at="where the first brace of the key would be",
        hint=1,
    )


class Bucket:
    """The script of exercise 2 in a real Redis, on a clock set by hand: a copy of it reads the time from keys."""

    def __init__(self, client: Any, limits: list[Limit]) -> None:
        self._redis = client
        self._limits = limits
        self.keys = [f"check:{uuid4().hex}" for _ in limits]

    def _clock(self) -> list[str]:
        return [f"{self.keys[0]}:s", f"{self.keys[0]}:us"]

    def run(self, script: str, now_us: int, first: int, tokens: int = 1) -> Any:
        test_clock = "{redis.call('GET', KEYS[1] .. ':s'), redis.call('GET', KEYS[1] .. ':us')}"
        script = script.replace("redis.call('TIME')", test_clock).replace('redis.call("TIME")', test_clock)
        script = script.replace("'PEXPIRE', KEYS[i], ", "'PEXPIRE', KEYS[i], 60000 + ")
        self._redis.mset(dict(zip(self._clock(), divmod(now_us, 1_000_000), strict=True)))
        numbers = [n for each in self._limits for n in (each.token_us, each.capacity_us, each.cost_us(tokens))]
        return self._redis.eval(script, len(self.keys), *self.keys, first, *numbers)

    def reserve(self, now_us: int, max_wait_us: int = FOR_EVER_US, tokens: int = 1) -> list[Any]:
        answer: list[Any] = self.run(reserve_script(), now_us, max_wait_us, tokens)
        return answer

    def saved(self) -> list[Any]:
        return [self._redis.hgetall(key) for key in self.keys]

    def forget(self) -> None:
        self._redis.delete(*self.keys, *self._clock())


@pytest.fixture
def bucket(redis_url: str) -> Iterator[Callable[..., Bucket]]:
    """`bucket(Limit(...), ...)` is a fresh one, forgotten after the test."""
    made: list[Bucket] = []
    with redis.Redis.from_url(redis_url) as client:

        def make(*limits: Limit) -> Bucket:
            made.append(Bucket(client, list(limits)))
            return made[-1]

        yield make
        for each in made:
            each.forget()


def test_ex2_grants_the_burst_and_then_the_rate(bucket: Callable[..., Bucket], rng: random.Random) -> None:
    """A fresh key grants exactly its burst at once, and tells each one after that to wait an interval longer."""
    limit = Limit(rng.choice([3, 7, 49.9, 333.3]), rng.randrange(2, 8))
    shared = bucket(limit)
    for number in range(limit.burst + 5):
        wanted = [1, limit.token_us * max(0, number + 1 - limit.burst)]
        came = shared.reserve(NOW_US)
        expect(
            came == wanted,
            expected=f"{wanted} (granted, microseconds to wait) for request {number + 1} with a burst of {limit.burst}",
            came=came,
            look_at="the slot, and what the request before left behind",
            hint=3,
        )


def test_ex2_a_wait_that_is_too_long_is_refused_and_saves_nothing(bucket: Callable[..., Bucket]) -> None:
    """Over the longest wait the answer is {0, wait}, and no key has changed; a wait of just that length is granted."""
    shared = bucket(Limit(1000, 100), Limit(10, 2), Limit(2000, 100))
    came = shared.reserve(NOW_US, 0)
    expect(
        came == [1, 0],
        expected="[1, 0] for the first request, which may not wait at all",
        came=came,
        look_at="how the longest wait is compared",
        hint=3,
    )
    shared.reserve(NOW_US, 0)
    before = shared.saved()
    came = shared.reserve(NOW_US, 99_999)
    expect(
        came == [0, 100_000],
        expected="[0, 100000] for a request that has to wait 0.1 s and may wait 0.099999 s",
        came=came,
        look_at="what is compared with ARGV[1]",
        hint=3,
    )
    expect(
        shared.saved() == before,
        expected="no key to change when a request is refused",
        came="a changed key",
        look_at="when `save` is called, and for which limits",
        hint=2,
    )
    came = shared.reserve(NOW_US, 100_000)
    expect(
        came == [1, 100_000], expected="[1, 100000] when it may wait exactly as long as it has to", came=came, hint=3
    )


def test_ex2_takes_as_many_as_were_asked_for(bucket: Callable[..., Bucket], rng: random.Random) -> None:
    """A request for several tokens pays for all of them, and waits until they are all there."""
    limit = Limit(rng.choice([3, 10, 49.9]), rng.randrange(5, 9))
    shared, left = bucket(limit), limit.burst
    for tokens in (3, limit.burst, 1, 2):
        left -= tokens
        wanted = [1, max(0, -left) * limit.token_us]
        came = shared.reserve(NOW_US, tokens=tokens)
        expect(
            came == wanted,
            expected=f"{wanted} (granted, microseconds to wait) for {tokens} tokens at once",
            came=came,
            look_at="`cost` and `token` of a bucket",
            hint=3,
        )


def test_ex2_every_limit_pays_at_the_slot(bucket: Callable[..., Bucket], rng: random.Random) -> None:
    """With two limits, each of them alone would still allow every request that went."""
    limits = [Limit(1, rng.randrange(1, 3)), Limit(50, rng.randrange(3, 9))]
    rng.shuffle(limits)
    shared, slots, now_us = bucket(*limits), [], NOW_US
    for _ in range(12):
        now_us += rng.choice([0, 0, 20_000, 700_000])
        tokens = 1
        granted, wait_us = shared.reserve(now_us, tokens=tokens)
        expect(granted == 1, expected="a request that may wait for ever to be granted", came=[granted, wait_us], hint=3)
        slots.append(now_us + wait_us)
    later = shared.reserve(slots[-1] + 1)
    slots.append(slots[-1] + 1 + later[1])
    for limit in limits:
        for first in range(len(slots)):
            for last in range(first, len(slots)):
                span_us = slots[last] - slots[first]
                most = limit.burst + span_us // limit.token_us
                expect(
                    last - first + 1 <= most,
                    expected=f"at most {most} requests in {span_us / 1e6:.3f} s ({limit.rate_per_s}/s, {limit.burst} at once)",
                    came=f"{last - first + 1}",
                    look_at="the moment from which a limit that was not in the way pays",
                    hint=2,
                )


def test_ex2_a_limit_that_was_not_in_the_way_does_not_refill_meanwhile(bucket: Callable[..., Bucket]) -> None:
    """A request that waits for one limit is paid at its slot in the other one too."""
    slow, fast = Limit(1, 1), Limit(10, 2)
    shared = bucket(slow, fast)
    shared.reserve(NOW_US)
    for _ in range(2):
        shared.reserve(NOW_US)  # go in one and two seconds, for the slow limit's sake
    saved = shared.saved()[1]
    came = int(saved[b"full_at_us"]) - NOW_US
    expect(
        came == 2_100_000,
        expected="the fast bucket to be full 0.1 s after the third request went, so 2.1 s from now",
        came=f"{came / 1e6:.1f} s",
        look_at="from when a bucket counts that is full by the time the request goes",
        hint=2,
    )


def test_ex2_nothing_goes_while_a_penalty_lasts(bucket: Callable[..., Bucket], rng: random.Random) -> None:
    """A penalty holds back every request, also if it was written by a process with a smaller burst."""
    writer, reader = bucket(Limit(100, 2)), bucket(Limit(100, 50))
    reader.keys = writer.keys  # a process of the last release, which knew a smaller burst
    penalty_us = rng.randrange(10**6, 10**9)
    writer.run(PENALTY, NOW_US, penalty_us)
    came = reader.reserve(NOW_US)
    expect(
        came == [1, penalty_us],
        expected=f"the first request to be told to wait out the penalty of {penalty_us} us",
        came=came,
        look_at="`not_before`",
        hint=3,
    )


def test_ex2_counts_in_whole_microseconds(bucket: Callable[..., Bucket]) -> None:
    """Answers survive the way out of Lua, where fractions are cut off, at a rate whose interval is no round number."""
    shared = bucket(Limit(3, 1))
    came = [shared.reserve(NOW_US) for _ in range(3)]
    expect(
        came == [[1, 0], [1, 333_334], [1, 666_668]],
        expected="waits of 0, 333334 and 666668 us at 3 a second",
        came=came,
        look_at="the unit of what the script answers",
        hint=3,
    )


class FakeRedis:
    """Stands in for Redis, on virtual time: one bucket, one millisecond a call, and a switch to be down."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self.asked: list[tuple[float, str]] = []
        self.is_down = False
        self._full_at_us = self._not_before_us = 0
        self._texts: dict[str, str] = {}

    def register_script(self, text: str) -> Any:
        sha = f"sha of {len(self._texts)}"
        self._texts[sha] = text
        return type("Registered", (), {"sha": sha})

    async def evalsha(self, sha: str, _: int, *keys_and_arguments: Any) -> Any:
        if self.is_down:
            await asyncio.sleep(0.001)
            raise redis.ConnectionError("connection refused")
        is_penalty = self._texts[sha] == PENALTY
        await asyncio.sleep(0.001)
        self.asked.append((CLOCK.time_s(), "penalty" if is_penalty else "reserve"))
        first, _, _, cost_us = (int(argument) for argument in keys_and_arguments[-4:])
        return self.penalise(first) if is_penalty else self._reserve(first, cost_us)

    def penalise(self, asked_us: int) -> int:
        now_us = round(CLOCK.time_s() * 1e6)
        if asked_us >= 0:
            self._not_before_us = max(self._not_before_us, now_us + asked_us)
            self._full_at_us = max(self._full_at_us, self._not_before_us + self.limit.capacity_us - self.limit.token_us)
        return max(0, self._not_before_us - now_us)

    def _reserve(self, max_wait_us: int, cost_us: int) -> list[int]:
        now_us = round(CLOCK.time_s() * 1e6)
        slot_us = max(now_us, self._not_before_us, self._full_at_us + cost_us - self.limit.capacity_us)
        if slot_us - now_us > max_wait_us:
            return [0, slot_us - now_us]
        self._full_at_us = max(self._full_at_us, slot_us) + cost_us
        return [1, slot_us - now_us]

    def reservations(self) -> int:
        return sum(what == "reserve" for _, what in self.asked)


Story = Callable[[FakeRedis, RedisRateLimiter], Awaitable[Any]]


@pytest.fixture
def tell(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """`tell(story, rate_per_s, burst)` runs a story on virtual time, whatever exercises 1 and 2 look like."""
    monkeypatch.setattr(rate_limiter, "limit_keys", lambda name, count: [f"{{{name}}}:{each}" for each in range(count)])
    monkeypatch.setattr(rate_limiter, "reserve_script", lambda: "reserve")

    def run(story: Story, rate_per_s: float = 10, burst: int = 3, processes: int | None = None) -> Any:
        async def main() -> Any:
            fake: Any = FakeRedis(Limit(rate_per_s, burst))
            return await story(
                fake,
                RedisRateLimiter(
                    fake, "shop", rate_per_s, burst, processes=processes, clock=CLOCK.time_s, sleep=CLOCK.sleep
                ),
            )

        return virtual_time.run(main())

    return run


async def granted(limiter: RedisRateLimiter, callers: int) -> list[float]:
    """When each of *callers*, who come at once, is granted its token."""

    async def caller() -> float:
        await limiter.acquire()
        return round(CLOCK.time_s(), 4)

    return await asyncio.gather(*(caller() for _ in range(callers)))


def test_ex3_one_call_admits_one_request(tell: Callable[..., Any], rng: random.Random) -> None:
    """However long the line, Redis is called exactly once for each request."""
    callers = rng.randrange(10, 40)

    async def story(fake: FakeRedis, limiter: RedisRateLimiter) -> tuple[int, int]:
        await granted(limiter, callers)
        return fake.reservations(), len(fake.asked)

    came = tell(story)
    expect(
        came == (callers, callers),
        expected=f"{callers} calls to Redis for {callers} requests that wait under a second each",
        came=f"{came[1]} calls",
        look_at="what a caller does between its first question and its token",
        hint=1,
    )


def test_ex3_keeps_the_line_and_the_order(tell: Callable[..., Any]) -> None:
    """Callers are granted the burst and then the rate, in the order they came."""

    async def story(_: FakeRedis, limiter: RedisRateLimiter) -> list[float]:
        return await granted(limiter, 12)

    came = tell(story)
    wanted = [max(0, number - 2) / 10 for number in range(12)]
    expect(
        came == pytest.approx(wanted, abs=0.006),
        expected="three at once and then one every 0.1 s, in order of arrival",
        came=came,
        look_at="who reserves when, and how long is slept",
        hint=2,
    )


def test_ex3_tells_how_long_the_caller_waited(tell: Callable[..., Any]) -> None:
    """The result is the time from the call to the grant, the time in line included."""

    async def story(_: FakeRedis, limiter: RedisRateLimiter) -> list[float]:
        return await asyncio.gather(*(limiter.acquire() for _ in range(6)))

    came = tell(story)
    expect(
        came == pytest.approx([0, 0, 0, 0.1, 0.2, 0.3], abs=0.006),
        expected="waits of 0, 0, 0, 0.1, 0.2 and 0.3 s",
        came=came,
        look_at="when the clock is read first",
        hint=3,
    )


def test_ex3_the_cancelled_have_taken_nothing(tell: Callable[..., Any]) -> None:
    """A caller cancelled in line has not cost anybody a token."""

    async def story(fake: FakeRedis, limiter: RedisRateLimiter) -> int:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(limiter.acquire()) for _ in range(20)]
            await asyncio.sleep(0.05)
            for task in tasks[8:]:
                task.cancel()
        return fake.reservations()

    came = tell(story)
    expect(
        came == 8,
        expected="8 reservations when 12 of 20 callers give up in line",
        came=f"{came}",
        look_at="when a caller who is 9th in line asks Redis",
        hint=2,
    )


def test_ex3_a_penalty_stops_the_line_and_nobody_asks_in_vain(tell: Callable[..., Any]) -> None:
    """A 429 seen by this process holds for all its callers, the one asleep included, and Redis is left alone meanwhile."""

    async def story(fake: FakeRedis, limiter: RedisRateLimiter) -> tuple[list[float], int]:
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(granted(limiter, 6))
            await asyncio.sleep(0.05)
            await limiter.penalise(2.0)
            before = fake.reservations()
            await asyncio.sleep(1.9)
            asked = fake.reservations() - before
        return waiting.result(), asked

    came, asked = tell(story)
    after = [at for at in came if at > 0.06]
    expect(
        min(after) >= 2.05,
        expected="no grant between 0.05 s and 2.05 s, when the server asked for 2 s of silence",
        came=f"grants at {came}",
        look_at="whether a caller who wakes up asks if its slot is still good",
        hint=3,
    )
    expect(
        asked == 0,
        expected="Redis to be left alone while the penalty lasts",
        came=f"{asked} calls",
        look_at="what comes first in each round",
        hint=3,
    )
    expect(
        max(after) < 2.6,
        expected="all six served by 2.6 s, at the rate",
        came=f"grants at {came}",
        look_at="how a caller goes on after the penalty",
        hint=3,
    )


def test_ex3_a_penalty_given_elsewhere_is_heard_after_a_long_wait(tell: Callable[..., Any]) -> None:
    """Whoever waits two seconds for a slot hears of a penalty that another process wrote meanwhile."""

    async def story(fake: FakeRedis, limiter: RedisRateLimiter) -> list[float]:
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(granted(limiter, 2))
            await asyncio.sleep(1.0)
            fake.penalise(10_000_000)
        return waiting.result()

    came = tell(story, rate_per_s=0.5, burst=1)
    expect(
        came[1] >= 11.0,
        expected="the second request no sooner than 11 s, when the other process's penalty ends",
        came=f"{came[1]:.2f} s",
        look_at="`_is_penalised`, and what to do when it says yes",
        hint=3,
    )


def test_ex3_a_slot_from_before_the_penalty_is_void(tell: Callable[..., Any]) -> None:
    """Who wakes up into a penalty takes another slot, behind those that other processes have taken meanwhile."""

    async def story(fake: FakeRedis, limiter: RedisRateLimiter) -> list[float]:
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(granted(limiter, 2))
            await asyncio.sleep(0.05)
            await limiter.penalise(2.0)
            for _ in range(5):  # five requests of another process: it goes at 2.05 s and after
                await fake.evalsha("sha of 0", 1, "{shop}:0", FOR_EVER_US, 100_000, 100_000, 100_000)
        return waiting.result()

    came = tell(story, burst=1)
    expect(
        came[1] >= 2.54,
        expected="the second request at 2.55 s: five of another process have the slots from 2.05 s to 2.45 s",
        came=f"{came[1]:.2f} s",
        look_at="what to do when `_is_penalised` says yes: sit it out, and then?",
        hint=3,
    )


def test_ex3_no_patience_at_all(tell: Callable[..., Any]) -> None:
    """A caller who may not wait gets a token that is there, and is refused one that is not."""

    async def story(_: FakeRedis, limiter: RedisRateLimiter) -> list[str]:
        outcomes = []
        for _ in range(2):
            try:
                await limiter.acquire(max_wait_s=0.0)
                outcomes.append("granted")
            except ThrottledError:
                outcomes.append("refused")
        return outcomes

    came = tell(story, burst=1)
    expect(
        came == ["granted", "refused"],
        expected="of two callers with max_wait_s=0 the first granted its token, and the second refused",
        came=came,
        look_at="what 0 is when it is asked for its truth",
        hint=3,
    )


def test_ex3_one_deadline_covers_everything(tell: Callable[..., Any]) -> None:
    """Line, slot and penalty together never last longer than the caller allows: ThrottledError comes as soon as that is known."""

    async def story(fake: FakeRedis, limiter: RedisRateLimiter) -> list[str]:
        outcomes = []

        async def caller(max_wait_s: float) -> None:
            try:
                await limiter.acquire(max_wait_s=max_wait_s)
                outcomes.append(f"granted at {CLOCK.time_s():.1f}")
            except ThrottledError:
                outcomes.append(f"refused at {CLOCK.time_s():.1f}")

        await limiter.acquire()
        async with asyncio.TaskGroup() as group:
            for max_wait_s in (5.0, 0.15, 1.0):  # the second one's slot comes at 0.2 s
                group.create_task(caller(max_wait_s))
            await asyncio.sleep(0.15)  # the third one is asleep on a slot
            await limiter.penalise(3.0)
        return outcomes

    came = tell(story, burst=1)
    wanted = ["granted at 0.1", "refused at 0.1", "refused at 0.2"]
    expect(
        came == wanted,
        expected="of three callers one granted at 0.1 s, one refused at 0.1 s as its slot comes too late, and one at 0.2 s as a penalty of 3 s began",
        came=came,
        look_at="what is left of max_wait_s after the line, and in the second round",
        hint=3,
    )


def test_ex3_a_refusal_is_a_refusal_whatever_the_policy(tell: Callable[..., Any]) -> None:
    """A wait that is too long is refused also where going on alone is allowed: Redis is not down, the bucket is empty."""

    async def story(_: FakeRedis, limiter: RedisRateLimiter) -> str:
        await limiter.acquire()
        try:
            await limiter.acquire(max_wait_s=0.05)
        except ThrottledError:
            return "refused"
        return "granted"

    came = tell(story, burst=1, processes=4)
    expect(
        came == "refused",
        expected="a ThrottledError from an empty bucket",
        came=came,
        look_at="which errors mean that Redis is gone",
        hint=3,
    )


def test_ex3_without_redis_each_goes_on_alone_or_stops(tell: Callable[..., Any]) -> None:
    """Redis down: at this process's part of the rate where that is declared, an error where it is not."""

    async def story(fake: FakeRedis, limiter: RedisRateLimiter) -> object:
        fake.is_down = True
        try:
            times = await granted(limiter, 5)
        except RedisUnavailableError:
            return "stopped"
        return [round(later - sooner, 2) for sooner, later in pairwise(times)]

    came = tell(story)
    expect(
        came == "stopped",
        expected="a RedisUnavailableError without a policy to go on alone",
        came=came,
        look_at="`_go_on_alone`",
        hint=3,
    )
    came = tell(story, processes=4)
    expect(
        came == [0.4] * 4,
        expected="one request every 0.4 s: a quarter of 10 a second",
        came=came,
        look_at="what to do with the bucket that `_go_on_alone` gives",
        hint=3,
    )


def test_ex3_alone_it_takes_as_many_as_were_asked_for(tell: Callable[..., Any]) -> None:
    """Redis down: three tokens are three tokens of this process's own bucket, too."""

    async def story(fake: FakeRedis, limiter: RedisRateLimiter) -> float:
        fake.is_down = True
        await limiter.acquire()
        return await limiter.acquire(3)

    came = tell(story, processes=4)
    expect(
        came == pytest.approx(1.2, abs=0.01),
        expected="a wait of 1.2 s for three tokens at 2.5 a second",
        came=f"{came:.2f} s",
        look_at="what the bucket of this process is told",
        hint=3,
    )


def test_ex3_alone_the_deadline_still_holds(tell: Callable[..., Any]) -> None:
    """Redis down: a caller who may not wait long enough is refused at once."""

    async def story(fake: FakeRedis, limiter: RedisRateLimiter) -> str:
        fake.is_down = True
        await limiter.acquire()
        try:
            await limiter.acquire(max_wait_s=0.2)
        except ThrottledError:
            return f"refused at {CLOCK.time_s():.1f} s"
        return f"granted at {CLOCK.time_s():.1f} s"

    came = tell(story, processes=4)
    expect(
        came == "refused at 0.0 s",
        expected="a ThrottledError at once, since the next slot is 0.4 s away",
        came=came,
        look_at="what the bucket of this process is told",
        hint=3,
    )


def test_ex3_the_impossible_is_refused_without_waiting(tell: Callable[..., Any]) -> None:
    """More tokens than the burst is an error at once, behind a line and without a call to Redis."""

    async def story(fake: FakeRedis, limiter: RedisRateLimiter) -> str:
        async with asyncio.TaskGroup() as group:
            for _ in range(8):
                group.create_task(limiter.acquire())
            await asyncio.sleep(0.05)
            try:
                await limiter.acquire(4)
            except OverCapacityError:
                return f"refused at {CLOCK.time_s():.2f} s"
        return "granted"

    came = tell(story)
    expect(
        came == "refused at 0.05 s",
        expected="an OverCapacityError at once, at 0.05 s",
        came=came,
        look_at="what can be known before standing in line",
        hint=1,
    )
