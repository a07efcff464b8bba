"""The ring in Redis against a model in Python: the same history, the same answers, to the bit.

The scripts can't be told the time. Here copies of them read it from a key instead.
"""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.dedup.bloom import BloomFilter, fingerprint
from ingestion.dedup.redis_bloom import Ring, add_script, look_script, ring_for, ring_keys

EPOCH_MS = 1_767_603_600_123
FOR_EVER_MS = 10**13


def on_a_test_clock(script: str) -> str:
    assert script.count("redis.call('TIME')") == 1
    at = "redis.call('GET', KEYS[1] .. ':at')"
    return script.replace("redis.call('TIME')", f"{{math.floor({at} / 1000), {at} % 1000 * 1000}}")


class Shared:
    """The scripts in a real Redis, on a clock set by hand."""

    def __init__(self, client: Any, ring: Ring) -> None:
        self._redis, self.ring = client, ring
        self.keys = ring_keys(f"agreement {os.getpid()}", ring)
        self._add, self._look = on_a_test_clock(add_script()), on_a_test_clock(look_script())
        client.delete(*self.keys)

    def add(self, now_ms: int, keys: list[tuple[str, ...]]) -> None:
        self._run(self._add, now_ms, keys)

    def look(self, now_ms: int, keys: list[tuple[str, ...]]) -> list[bool]:
        return [bool(answer) for answer in self._run(self._look, now_ms, keys)]

    def bytes(self) -> int:
        return sum(self._redis.strlen(key) for key in self.keys[1:])

    def _run(self, script: str, now_ms: int, keys: list[tuple[str, ...]]) -> Any:
        bits, hashes = self.ring.shape
        numbers = [number % bits for key in keys for number in fingerprint(key)]
        self._redis.set(f"{self.keys[0]}:at", now_ms)
        arguments = [self.ring.capacity, self.ring.span_ms, bits, hashes, FOR_EVER_MS, *numbers]
        return self._redis.eval(script, len(self.keys), *self.keys, *arguments)


class Model:
    """The same ring, as anyone would write it down."""

    def __init__(self, ring: Ring) -> None:
        self._ring, self._filters, self._count, self._began_ms = ring, [BloomFilter(ring.shape)], 0, None

    def _rotate(self, now_ms: int) -> None:
        self._began_ms = min(now_ms if self._began_ms is None else self._began_ms, now_ms)
        while now_ms - self._began_ms >= self._ring.span_ms:
            self._next(self._began_ms + self._ring.span_ms)
        if self._count >= self._ring.capacity:
            self._next(now_ms)

    def _next(self, at_ms: int) -> None:
        self._filters = [BloomFilter(self._ring.shape), *self._filters][: self._ring.segments]
        self._count, self._began_ms = 0, at_ms

    def add(self, now_ms: int, keys: list[tuple[str, ...]]) -> None:
        for key in keys:
            self._rotate(now_ms)
            self._count += self._filters[0].add(key)

    def look(self, now_ms: int, keys: list[tuple[str, ...]]) -> list[bool]:
        self._rotate(now_ms)
        return [any(key in filter_ for filter_ in self._filters) for key in keys]


@pytest.fixture
def client(redis_url: str) -> Iterator[Any]:
    with redis.Redis.from_url(redis_url) as client:
        yield client
        for key in client.scan_iter(f"*{{agreement {os.getpid()}}}*", count=1_000):
            client.delete(key)


KEYS = st.lists(st.integers(0, 60).map(lambda number: ("stripe", "events", str(number))), min_size=1, max_size=25)
LATER_MS = st.integers(0, 300) | st.integers(0, 5_000) | st.integers(-2_000, 0) | st.integers(0, 200_000)
HISTORY = st.lists(st.tuples(st.sampled_from(["add", "look"]), LATER_MS, KEYS), max_size=25)
RINGS = st.builds(
    ring_for, st.integers(1, 60), st.sampled_from([0.5, 0.1, 0.01]), st.sampled_from([0.1, 1.0, 3.0]), st.integers(2, 6)
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(RINGS, HISTORY)
def test_redis_and_python_remember_the_same(
    client: Any, ring: Ring, history: list[tuple[str, int, list[tuple[str, ...]]]]
) -> None:
    """D4: by count and by time, whatever the clock does; and never more memory than was said."""
    shared, model, now_ms = Shared(client, ring), Model(ring), EPOCH_MS
    for verb, later_ms, keys in history:
        now_ms += later_ms
        if verb == "add":
            shared.add(now_ms, keys)
            model.add(now_ms, keys)
        else:
            assert shared.look(now_ms, keys) == model.look(now_ms, keys)
        assert shared.bytes() <= ring.bytes


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(2, 6),
    st.integers(2, 60),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 10**6)), min_size=1, max_size=60),
)
def test_a_key_is_remembered_for_the_window_unless_a_segment_is_full_early(
    client: Any, segments: int, capacity: int, arrivals: list[tuple[int, int]]
) -> None:
    """D3: at least the window, while fewer keys come in each span than a segment takes; never a span more."""
    ring = ring_for(capacity, 0.0001, 1.0, segments)
    shared, now_ms = Shared(client, ring), EPOCH_MS
    seen: list[tuple[int, tuple[str, ...]]] = []
    for later_ms, number in arrivals:
        now_ms += later_ms
        shared.add(now_ms, [("stripe", str(number))])
        seen.append((now_ms, ("stripe", str(number))))
    busiest = max(sum(at_ms <= other_ms <= at_ms + ring.span_ms for other_ms, _ in seen) for at_ms, _ in seen)
    for at_ms, key in seen:
        if busiest < ring.capacity and now_ms - at_ms < 1_000:
            assert shared.look(now_ms, [key]) == [True]
    last_ms = {key: at_ms for at_ms, key in seen}
    over_ms = segments * ring.span_ms
    old = [key for key, at_ms in last_ms.items() if now_ms - at_ms >= over_ms]
    assert sum(shared.look(now_ms, old or [("nobody",)])) <= len(old) // 10


def test_idle_for_years_is_two_steps_not_a_million(client: Any) -> None:
    shared = Shared(client, ring_for(10, 0.01, 0.1, 3))
    shared.add(EPOCH_MS, [("a",)])
    assert shared.look(EPOCH_MS + 10**12, [("a",)]) == [False]
    shared.add(EPOCH_MS + 10**12, [("b",)])
    assert shared.look(EPOCH_MS + 10**12 + 1, [("b",), ("a",)]) == [True, False]
