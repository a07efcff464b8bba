"""Lesson m02.05: a ring that keeps its promise at the worst moment, turns when it is due, and knows what silence means."""

import logging
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from uuid import uuid4

import pytest
import redis

from ingestion.dedup import redis_bloom
from ingestion.dedup.bloom import Shape, fingerprint, shape_for
from ingestion.dedup.redis_bloom import RedisBloom, Ring, add_script, look_script, ring_for, ring_keys
from ingestion.errors import ConfigurationError
from ingestion.resilience.redis_script import RedisUnavailableError
from workbook.grading import expect

Key = tuple[str, ...]
NOW_MS = 1_767_603_600_123
DAY_MS = 86_400_000


def test_ex1_the_window_holds_with_one_segment_wiped(rng: random.Random) -> None:
    """All segments but one cover the window, and no more than a segment's rounding beyond it."""
    for _ in range(50):
        window_s, segments = rng.choice([0.5, 60.0, 345_600.0, rng.uniform(1, 10**6)]), rng.randrange(2, 9)
        ring = ring_for(1_000, 0.01, window_s, segments)
        covered_ms = (segments - 1) * ring.span_ms
        expect(
            window_s * 1000 <= covered_ms < window_s * 1000 + segments and type(ring.span_ms) is int,
            expected=f"a span of {window_s * 1000 / (segments - 1):.2f} ms, rounded up, for {segments} segments and {window_s} s",
            came=ring.span_ms,
            look_at="how many segments remember something just after one was wiped",
            hint=1,
        )


def test_ex1_the_capacity_holds_with_one_segment_wiped(rng: random.Random) -> None:
    """All segments but one hold the capacity."""
    for _ in range(50):
        capacity, segments = rng.randrange(1, 10**6), rng.randrange(2, 9)
        ring = ring_for(capacity, 0.01, 60.0, segments)
        held = (segments - 1) * ring.capacity
        expect(
            ring.segments == segments and capacity <= held < capacity + segments,
            expected=f"{capacity} keys in {segments - 1} of {segments} segments, rounded up",
            came=f"{held} in all but one of {ring.segments}",
            look_at="which way the division is rounded, and by what it divides",
            hint=2,
        )


def test_ex1_all_segments_together_keep_the_error_rate(rng: random.Random) -> None:
    """A question goes to every segment, and all their errors together stay within the promise, without waste."""
    for _ in range(50):
        error_rate, segments, capacity = 10 ** rng.uniform(-5, -0.5), rng.randrange(2, 9), rng.randrange(1_000, 10**6)
        ring = ring_for(capacity, error_rate, 60.0, segments)
        together = 1 - (1 - ring.shape.error_rate(ring.capacity)) ** segments
        expect(
            together <= error_rate * (1 + 1e-9),
            expected=f"an error of at most {error_rate:.4g} for {segments} full segments together",
            came=f"{together:.4g}",
            look_at="how often five that are each wrong once in a hundred are wrong",
            hint=2,
        )
        frugal = shape_for(ring.capacity, error_rate / segments)
        expect(
            ring.shape.bits <= 1.01 * frugal.bits,
            expected=f"about {frugal.bits} bits a segment",
            came=ring.shape.bits,
            look_at="what the shape was made for",
            hint=2,
        )


@pytest.mark.parametrize(
    ("capacity", "error_rate", "window_s", "segments", "why"),
    [
        (100, 0.01, 60.0, 1, "one segment: everything would be forgotten at once"),
        (100, 0.01, 60.0, 0, "no segment"),
        (100, 0.01, 0.0, 5, "a window of nothing"),
        (100, 0.01, -60.0, 5, "a negative window"),
        (0, 0.01, 60.0, 5, "no capacity"),
        (100, 1.0, 60.0, 5, "an error rate of 1"),
        (10**11, 0.001, 60.0, 3, "bitmaps of more than 512 MB"),
    ],
)
def test_ex1_refuses_nonsense(capacity: int, error_rate: float, window_s: float, segments: int, why: str) -> None:
    """A ring that cannot be is refused with ValueError."""
    try:
        came: object = ring_for(capacity, error_rate, window_s, segments)
    except ValueError:
        return
    expect(False, expected=f"a ValueError for {why}", came=came, look_at="what the docstring refuses", hint=1)


def test_ex1_the_limit_is_a_bitmap_s() -> None:
    """Five bitmaps of some 400 MB each are a ring: 512 MB is what Redis takes for one."""
    ring = ring_for(10**9, 0.01, 60.0, 5)
    expect(
        2**31 < ring.shape.bits <= 2**32,
        expected="a ring of five bitmaps of some 400 MB",
        came=ring,
        look_at="whether one bitmap is measured, or all of them",
        hint=1,
    )


class Filter:
    """The scripts of exercise 2 in a real Redis, on a clock set by hand; counts how often a segment is wiped."""

    def __init__(self, client: Any, capacity: int, span_ms: int, segments: int) -> None:
        self._redis = client
        self._ring = Ring(segments, shape_for(capacity, 0.0001), capacity, span_ms)
        self.keys = ring_keys(f"check {uuid4().hex}", self._ring)

    def _run(self, script: str, now_ms: int, keys: Sequence[Key]) -> Any:
        at, wiped = "redis.call('GET', KEYS[1] .. ':at')", "redis.call('INCR', KEYS[1] .. ':wiped')"
        script = script.replace("redis.call('TIME')", f"{{math.floor({at} / 1000), {at} % 1000 * 1000}}", 1)
        script = script.replace("local function next_segment(at)", f"local function next_segment(at)\n  {wiped}", 1)
        bits, hashes = self._ring.shape
        numbers = [number % bits for key in keys for number in fingerprint(key)]
        self._redis.set(f"{self.keys[0]}:at", now_ms)
        arguments = [self._ring.capacity, self._ring.span_ms, bits, hashes, 600_000, *numbers]
        return self._redis.eval(script, len(self.keys), *self.keys, *arguments)

    def add(self, now_ms: int, *names: str) -> None:
        self._run(add_script(), now_ms, [(name,) for name in names])

    def holds(self, now_ms: int, *names: str) -> list[bool]:
        return [bool(answer) for answer in self._run(look_script(), now_ms, [(name,) for name in names])]

    def wiped(self) -> int:
        return int(self._redis.get(f"{self.keys[0]}:wiped") or 0)

    def state(self, field: str) -> int:
        return int(float(self._redis.hget(self.keys[0], field)))

    def forget(self) -> None:
        self._redis.delete(*self.keys, f"{self.keys[0]}:at", f"{self.keys[0]}:wiped")


@pytest.fixture
def ring(redis_url: str) -> Iterator[Callable[..., Filter]]:
    """`ring(capacity, span_ms, segments)` is a fresh one, forgotten after the test."""
    made: list[Filter] = []
    with redis.Redis.from_url(redis_url) as client:

        def make(capacity: int = 1_000, span_ms: int = DAY_MS, segments: int = 5) -> Filter:
            made.append(Filter(client, capacity, span_ms, segments))
            return made[-1]

        yield make
        for each in made:
            each.forget()


def test_ex2_a_full_segment_makes_room_in_the_next(ring: Callable[..., Filter], rng: random.Random) -> None:
    """By count: no segment takes more than its capacity, and what is in the others stays."""
    capacity = rng.randrange(5, 12)
    shared, names = ring(capacity), [f"evt_{rng.random()}" for _ in range(capacity * 4)]
    shared.add(NOW_MS, *names)
    expect(
        shared.wiped() == 3,
        expected=f"the 4th of 5 segments to be full after {len(names)} keys, {capacity} to a segment",
        came=f"the one after {shared.wiped()} turns, with {shared.state('count')} keys",
        look_at="what `rotate` does when `count` has reached `capacity`",
        hint=2,
    )
    expect(
        all(shared.holds(NOW_MS, *names)),
        expected="all of them remembered, since five segments have room for them",
        came=f"{sum(shared.holds(NOW_MS, *names))} of {len(names)}",
        look_at="which segments are wiped",
        hint=2,
    )
    shared.add(NOW_MS, *(f"more_{number}" for number in range(2 * capacity)))
    oldest = sum(shared.holds(NOW_MS, *names[:capacity]))
    expect(
        oldest <= 1,
        expected="the first segment's keys forgotten when the ring has gone round",
        came=f"{oldest} of {capacity} still there",
        look_at="what `next_segment` is for",
        hint=2,
    )


def test_ex2_full_is_at_its_capacity(ring: Callable[..., Filter]) -> None:
    """A segment takes as many keys as its capacity and not one more; spans that passed are counted before that."""
    shared = ring(5, span_ms=1_000, segments=4)
    shared.add(NOW_MS, *(f"evt_{number}" for number in range(5)))
    shared.add(NOW_MS, "one more")
    expect(
        (shared.wiped(), shared.state("count")) == (1, 1),
        expected="the 6th key in the next segment, where a segment takes 5",
        came=f"{shared.wiped()} segments begun, and {shared.state('count')} keys in the current one",
        look_at="> or >=",
        hint=2,
    )
    shared.add(NOW_MS, *(f"more_{number}" for number in range(4)))
    shared.holds(NOW_MS + 2_500, "nobody")
    expect(
        (shared.wiped(), shared.state("began_at") - NOW_MS) == (3, 2_000),
        expected="2 segments begun for the 2 spans that passed, the last one 2,000 ms after the first, though that was full",
        came=f"{shared.wiped() - 1} begun, the last one after {shared.state('began_at') - NOW_MS} ms",
        look_at="which is asked first: how many spans have passed, or whether the segment is full",
        hint=2,
    )


def test_ex2_remembers_for_the_window_and_not_much_longer(ring: Callable[..., Filter], rng: random.Random) -> None:
    """By time: a key stays while segments - 1 spans pass, and is gone after all of them, asked often or seldom."""
    for often in (True, False):
        segments = rng.randrange(2, 7)
        shared, began = ring(span_ms=DAY_MS, segments=segments), NOW_MS
        shared.add(began, "first of all")
        added = began + rng.randrange(DAY_MS)
        shared.add(added, "evt")
        window, dead = added + (segments - 1) * DAY_MS, began + segments * DAY_MS
        if often:
            for at in range(added, window, DAY_MS // 3):
                shared.holds(at, "somebody else")
        expect(
            shared.holds(window, "evt") == [True],
            expected=f"a key remembered {segments - 1} days after it came, with {segments} segments of a day",
            came="it is gone",
            look_at="how many segments are begun for each span that has passed",
            hint=2,
        )
        expect(
            shared.holds(max(window, dead), "evt") == [False],
            expected=f"a key gone {segments} days after its segment began",
            came="it is still there",
            look_at="whether a look rotates as well, and how often",
            hint=2,
        )


def test_ex2_spans_do_not_drift(ring: Callable[..., Filter], rng: random.Random) -> None:
    """A segment begins where the span before it ended, not when somebody came by."""
    shared, late_ms, spans = ring(span_ms=DAY_MS), rng.randrange(1, DAY_MS), rng.randrange(1, 4)
    shared.add(NOW_MS, "evt")
    shared.add(NOW_MS + spans * DAY_MS + late_ms, "later")
    came = shared.state("began_at") - NOW_MS
    expect(
        came == spans * DAY_MS,
        expected=f"a segment begun {spans} whole days after the first, when it is found {late_ms / DAY_MS:.2f} days overdue",
        came=f"{came / DAY_MS:.2f} days after the first",
        look_at="what began_at becomes",
        hint=3,
    )


def test_ex2_after_a_long_silence_all_is_forgotten_in_a_few_steps(ring: Callable[..., Filter]) -> None:
    """However many spans have passed, no segment is wiped twice, and nothing old is left."""
    shared = ring(span_ms=1_000, segments=4)
    for day in range(4):
        shared.add(NOW_MS + 1_000 * day, f"evt_{day}")
    before = shared.wiped()
    back = NOW_MS + 1_000 * 5_000 + 500
    expect(
        not any(shared.holds(back, *(f"evt_{day}" for day in range(4)))),
        expected="nothing remembered after 5,000 spans of silence",
        came=shared.holds(back, *(f"evt_{day}" for day in range(4))),
        look_at="how many segments are wiped when several spans have passed",
        hint=2,
    )
    steps = shared.wiped() - before
    expect(
        steps <= 4,
        expected="at most 4 wipes for 4 segments",
        came=f"{steps}, during which Redis answers nobody",
        look_at="the bound of the loop",
        hint=3,
    )
    expect(
        0 <= back - shared.state("began_at") < 1_000,
        expected="the current segment to have begun less than a span ago",
        came=f"{back - shared.state('began_at')} ms ago",
        look_at="began_at after the loop",
        hint=3,
    )


def test_ex2_a_clock_that_steps_back_loses_nothing(ring: Callable[..., Filter], rng: random.Random) -> None:
    """After a step back the same segment goes on, begun now, for one span."""
    shared, back_ms = ring(span_ms=DAY_MS), rng.randrange(1, 30 * DAY_MS)
    shared.add(NOW_MS, "evt")
    earlier = NOW_MS - back_ms
    expect(
        shared.holds(earlier, "evt") == [True] and shared.wiped() == 0,
        expected="the key still there, and nothing wiped, when the clock steps back",
        came=f"{shared.wiped()} wiped",
        look_at="how many spans have passed when now is before began_at",
        hint=3,
    )
    expect(
        shared.state("count") == 1,
        expected="the segment to go on with the key that it has",
        came=f"a count of {shared.state('count')}",
        look_at="what is set anew besides began_at: a segment that forgets its count takes more than its capacity",
        hint=3,
    )
    shared.add(earlier + DAY_MS, "next day")
    expect(
        shared.wiped() == 1,
        expected=f"the next segment one day later on the new clock, which stepped back by {back_ms / DAY_MS:.1f} days",
        came=f"{shared.wiped()} segments begun",
        look_at="a segment that began in the future",
        hint=3,
    )


class Fake:
    """Stands in for the script in Redis: knows some keys, counts its calls, can be down from one call on."""

    def __init__(self, known: Sequence[Key] = (), down_from_call: int = 10**9, error: Exception | None = None) -> None:
        self._known = {self._place(key) for key in known}
        self._down_from_call = down_from_call
        self._error = error or RedisUnavailableError("Redis did not run a script")
        self.calls: list[int] = []

    @staticmethod
    def _place(key: Key) -> tuple[int, int]:
        return fingerprint(key).first % BITS, fingerprint(key).second % BITS

    async def __call__(self, keys: Sequence[str], arguments: Sequence[int]) -> list[int]:
        if len(self.calls) >= self._down_from_call:
            self.calls.append(0)
            raise self._error
        asked = list(zip(arguments[5::2], arguments[6::2], strict=True))
        self.calls.append(len(asked))
        return [int(place in self._known) for place in asked]


BITS = 10**9 + 7


@pytest.fixture
def bloom(monkeypatch: pytest.MonkeyPatch) -> Callable[[Fake], RedisBloom]:
    """`bloom(fake)` is a filter whose scripts are *fake*, whatever exercises 1 and 2 say."""

    def make(fake: Fake) -> RedisBloom:
        monkeypatch.setattr(redis_bloom, "ring_for", lambda *_: Ring(5, Shape(BITS, 7), 1_000, 1_000))
        monkeypatch.setattr(redis_bloom, "rotation", lambda: "")
        monkeypatch.setattr(redis_bloom, "RedisScript", lambda *_, **__: fake)
        nobody: Any = None
        return RedisBloom(nobody, "check")

    return make


async def test_ex3_answers_each_key_in_its_place(bloom: Callable[[Fake], RedisBloom], rng: random.Random) -> None:
    """One answer for each key, in order, as bool; whatever the number of keys."""
    keys = [("stripe", f"evt_{number}") for number in range(rng.randrange(2_001, 2_900))]
    known = [key for key in keys if rng.random() < 0.3]
    wanted = [key in set(known) for key in keys]
    came = await bloom(Fake(known)).might_hold(keys)
    expect(
        came == wanted and all(type(answer) is bool for answer in came),
        expected=f"{len(keys)} answers, {sum(wanted)} of them True, each in its key's place",
        came=f"{len(came)} answers, {sum(map(bool, came))} true, such as {came[:3]}",
        look_at="how the answers of several calls are put together",
        hint=3,
    )


async def test_ex3_one_call_for_a_thousand_keys(bloom: Callable[[Fake], RedisBloom]) -> None:
    """A round trip for each 1,000 keys and no more; none for no keys."""
    for count, wanted in ((0, []), (1, [1]), (500, [500]), (1_000, [1_000]), (2_500, [1_000, 1_000, 500])):
        fake = Fake()
        await bloom(fake).might_hold([("stripe", str(number)) for number in range(count)])
        expect(
            fake.calls == wanted,
            expected=f"calls of {wanted} keys for {count}",
            came=fake.calls if len(fake.calls) < 10 else f"{len(fake.calls)} calls",
            look_at="how the keys are cut",
            hint=3,
        )


async def test_ex3_without_redis_everything_may_be(bloom: Callable[[Fake], RedisBloom], rng: random.Random) -> None:
    """Of keys that Redis could not be asked about the answer is True; what it did answer stands."""
    keys = [("stripe", f"evt_{rng.random()}") for _ in range(1_500)]
    came = await bloom(Fake(down_from_call=0)).might_hold(keys[:20])
    expect(
        came == [True] * 20,
        expected="20 times True when Redis is down: who cannot be asked cannot say no",
        came=came,
        look_at="what a caller does with a no",
        hint=1,
    )
    came = await bloom(Fake(down_from_call=1)).might_hold(keys)
    expect(
        came == [False] * 1_000 + [True] * 500,
        expected="1,000 times False, as Redis said, and True for the 500 after it went away",
        came=f"{len(came)} answers, {sum(came)} True",
        look_at="what becomes of the answers before the failure",
        hint=3,
    )


async def test_ex3_an_outage_is_said_once(
    bloom: Callable[[Fake], RedisBloom], caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody hears of an outage, but not with every batch."""
    asked = bloom(Fake(down_from_call=0))
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            await asked.might_hold([("stripe", "evt")])
    expect(
        len(caplog.records) == 1,
        expected="one warning for five batches without Redis",
        came=f"{len(caplog.records)}",
        look_at="`_note`",
        hint=3,
    )


async def test_ex3_only_an_outage_is_an_outage(bloom: Callable[[Fake], RedisBloom]) -> None:
    """Wrong credentials are told to the operator, not taken for silence."""
    fake = Fake(down_from_call=0, error=ConfigurationError("Redis refuses these credentials"))
    try:
        came: object = await bloom(fake).might_hold([("stripe", "evt")])
    except ConfigurationError:
        return
    expect(
        False,
        expected="a ConfigurationError when Redis refuses the credentials",
        came=came,
        look_at="which errors are caught",
        hint=3,
    )
