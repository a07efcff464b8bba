# Made from solutions/m02_push/05_redis_bloom.ipynb: edit it there.
"""A Bloom filter that processes share: a ring of Redis bitmaps, the oldest wiped when time or fullness calls for it.

What it says is a hint: it may have been wiped, and it may be wrong. Who must not be wrong asks somebody who knows.
"""

import logging
import math
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from redis.asyncio import Redis

from ingestion.dedup.bloom import Shape, fingerprint, shape_for
from ingestion.resilience.redis_script import RedisScript, RedisUnavailableError

__all__ = ["FOUR_DAYS_S", "RedisBloom", "Ring", "add_script", "look_script", "ring_for", "ring_keys", "rotation"]


_logger = logging.getLogger(__name__)

FOUR_DAYS_S = 4 * 86_400.0
"""Longer than the three days over which the most patient of the common senders retries."""

_LARGEST_BITMAP = 2**32
_KEYS_IN_A_CALL = 1_000  # some 10 ms, while Redis serves nobody else


class Ring(NamedTuple):
    """How a filter is cut into segments that are filled one after the other, and wiped in the same order.

    Attributes:
        segments: How many there are.
        shape: Of each segment.
        capacity: How many keys a segment takes before the next one is begun.
        span_ms: How long a segment takes keys before the next one is begun, in milliseconds.
    """

    segments: int
    shape: Shape
    capacity: int
    span_ms: int

    @property
    def bytes(self) -> int:
        """The most memory that its bitmaps ever take."""
        return self.segments * ((self.shape.bits + 7) // 8)


def ring_for(capacity: int, error_rate: float, window_s: float, segments: int) -> Ring:
    """Cut a filter into *segments*, so that what it promises holds at any moment, with one segment just wiped.

    Args:
        capacity: How many keys come in a window, evenly; a segment takes its part of them, rounded up.
        error_rate: How often it may claim an unknown key, all segments together.
        window_s: For how long it remembers a key, at least, while no segment is full before its span is over.
        segments: Two or more.

    Raises:
        ValueError: fewer than two segments, no window, no capacity, an error rate not between 0 and 1, or bitmaps of
            more than 512 MB, which Redis does not take.
    """
    if segments < 2 or not 0 < error_rate < 1:
        raise ValueError(f"want a ring of at least 2 segments and 0 < error_rate < 1, not {segments=}, {error_rate=}")
    kept = segments - 1
    span_ms = math.ceil(window_s * 1000 / kept)
    part = math.ceil(capacity / kept)
    shape = shape_for(part, error_rate / segments)
    if span_ms < 1 or shape.bits > _LARGEST_BITMAP:
        raise ValueError(f"no ring for {capacity=}, {error_rate=}, {window_s=}: {span_ms} ms, {shape.bits} bits")
    return Ring(segments, shape, part, span_ms)


def ring_keys(name: str, ring: Ring) -> list[str]:
    """Give the Redis keys of a filter: its state, then its segments, all in one slot of a cluster.

    A filter of another shape has other keys: a deploy with a new size starts anew, and the old one expires.

    Raises:
        ValueError: no name, or a brace in it.
    """
    if not name or "{" in name or "}" in name:
        raise ValueError(f"a filter's name is not empty and holds no braces: {name!r}")
    stem = f"ingestion:seen:{{{name}}}:{ring.shape.bits}x{ring.shape.hashes}x{ring.segments}"
    return [f"{stem}:state", *(f"{stem}:{number}" for number in range(ring.segments))]


# KEYS: the state, then the segments. ARGV: capacity and span_ms of a segment, its bits and hashes, how long the keys
# live in ms; then, of each key, the place and the step that it begins with.
# A state that was lost (evicted, wiped) is a filter that knows nothing: what is left of it must not fill up twice.
_OPEN = """
local capacity, span, bits, hashes = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local segments = #KEYS - 1
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local saved = redis.call('HMGET', KEYS[1], 'current', 'count', 'began_at')
local current, count, began_at = tonumber(saved[1] or 0), tonumber(saved[2] or 0), tonumber(saved[3] or now)
if not saved[3] then
  for segment = 1, segments do redis.call('DEL', KEYS[1 + segment]) end
end

local function next_segment(at)
  current, count, began_at = (current + 1) % segments, 0, at
  redis.call('DEL', KEYS[2 + current])
end
"""


def rotation() -> str:
    """Give the Lua function `rotate()`, which begins the segments that are due by time or by count.

    - One for each whole `span` that has passed since `began_at`; the current one then began where the last of these
      spans ended.
    - One more, beginning `now`, if the current one has its `capacity` of keys.
    - When the clock stepped back behind `began_at`, the current one begins `now`, and goes on.
    - Never more than `segments` of them, however long nobody came.
    """
    return """
local function rotate()
  began_at = math.min(began_at, now)
  local due = math.floor((now - began_at) / span)
  local grid = began_at + due * span
  for _ = 1, math.min(due, segments) do next_segment(grid) end
  if count >= capacity then next_segment(now) end
end
"""


_CLOSE = """
redis.call('HSET', KEYS[1], 'current', current, 'count', count, 'began_at', string.format('%.0f', began_at))
redis.call('PEXPIRE', KEYS[1], ARGV[5])
"""
# A key that sets no bit counts for nothing: duplicates do not fill the filter.
_ADD = """
for i = 6, #ARGV, 2 do
  rotate()
  local place, step, is_new = tonumber(ARGV[i]), tonumber(ARGV[i + 1]), 0
  for longer = 1, hashes do
    if redis.call('SETBIT', KEYS[2 + current], place, 1) == 0 then is_new = 1 end
    place = (place + step) % bits
    step = (step + longer) % bits
  end
  count = count + is_new
  redis.call('PEXPIRE', KEYS[2 + current], ARGV[5])
end
"""
_LOOK = """
rotate()
local function holds(segment, place, step)
  for longer = 1, hashes do
    if redis.call('GETBIT', KEYS[2 + segment], place) == 0 then return false end
    place = (place + step) % bits
    step = (step + longer) % bits
  end
  return true
end
local answers = {}
for i = 6, #ARGV, 2 do
  local place, step, answer = tonumber(ARGV[i]), tonumber(ARGV[i + 1]), 0
  for age = 0, segments - 1 do
    if holds((current - age) % segments, place, step) then answer = 1 break end
  end
  answers[#answers + 1] = answer
end
"""


def add_script() -> str:
    """Give the script that puts keys in."""
    return _OPEN + rotation() + _ADD + _CLOSE


def look_script() -> str:
    """Give the script that answers 1 or 0 for each key."""
    return _OPEN + rotation() + _LOOK + _CLOSE + "return answers"


class RedisBloom:
    """A memory of keys that every process shares which gives the same *name*, without braces, and the same sizes.

    A key that was added is remembered for at least *window_s* and at most a segment's span longer. When keys come
    faster than was planned, segments are full before their time and the oldest keys go early: the error rate and the
    memory are bounded, the window is what gives way. Time is the Redis server's. For the sizes see `ring_for`.

    With Redis down, everything may have been there before, nothing is put in, and the callers of each method lose at
    most half a second a second, all together. A filter that Redis lost begins anew, and says no to what it once knew.

    Raises:
        ValueError: a brace in the name, or as for `ring_for`.
    """

    def __init__(
        self,
        redis: Redis,
        name: str,
        *,
        capacity: int = 1_000_000,
        error_rate: float = 0.01,
        window_s: float = FOUR_DAYS_S,
        segments: int = 5,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.ring = ring_for(capacity, error_rate, window_s, segments)
        self._name = name
        self._keys = ring_keys(name, self.ring)
        self._add = RedisScript(redis, add_script(), clock=clock)
        self._look = RedisScript(redis, look_script(), clock=clock)
        self._is_down = False

    async def might_hold(self, keys: Sequence[Sequence[str]]) -> list[bool]:
        """Say of each key whether it may have been added within the window.

        One round trip for each 1,000 keys, in order. Of keys that Redis could not be asked about the answer is True.

        Raises:
            ConfigurationError: Redis refuses the credentials.
        """
        answers: list[bool] = []
        for start in range(0, len(keys), _KEYS_IN_A_CALL):
            some = keys[start : start + _KEYS_IN_A_CALL]
            try:
                answers += map(bool, await self._look(self._keys, self._arguments(some)))
            except RedisUnavailableError as error:
                self._note(error)
                answers += [True] * len(some)
        return answers

    async def add(self, keys: Sequence[Sequence[str]]) -> None:
        """Put keys in, in one round trip for up to 1,000 of them. Without Redis they are forgotten.

        Raises:
            ConfigurationError: Redis refuses the credentials.
        """
        for start in range(0, len(keys), _KEYS_IN_A_CALL):
            try:
                await self._add(self._keys, self._arguments(keys[start : start + _KEYS_IN_A_CALL]))
            except RedisUnavailableError as error:
                self._note(error)
                return
        self._is_down = False

    def _arguments(self, keys: Sequence[Sequence[str]]) -> list[int]:
        bits, hashes = self.ring.shape
        lives_ms = (self.ring.segments + 1) * self.ring.span_ms
        arguments = [self.ring.capacity, self.ring.span_ms, bits, hashes, lives_ms]
        for first, second in map(fingerprint, keys):
            arguments += (first % bits, second % bits)
        return arguments

    def _note(self, error: RedisUnavailableError) -> None:
        if not self._is_down:
            self._is_down = True
            _logger.warning("filter %s: nothing is remembered for now: %s", self._name, error)
