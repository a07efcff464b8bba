# Made from solutions/m01_rest/08_rate_limiter.ipynb: edit it there.
"""One bucket for many processes: the rule of `token_bucket`, run by Redis on its own clock.

Each limit is one Redis hash: when its bucket will be full, until when nothing may go because a server asked for
patience, and when it was last touched. It expires with the bucket full: that is what a missing key means.
"""

import asyncio
import logging
import math
import time
from collections.abc import Sequence
from contextlib import suppress

from redis.asyncio import Redis

from ingestion.resilience.redis_script import RedisScript, RedisUnavailableError
from ingestion.resilience.token_bucket import Clock, Limit, Sleep, TokenBucket, penalty_us, too_long_a_wait

__all__ = ["PENALTY", "RedisRateLimiter", "limit_keys", "reserve_script"]


_logger = logging.getLogger(__name__)

_US_PER_S = 1_000_000
_FOR_EVER_US = 2**53 - 1
_LONG_WAIT_S = 1.0
_ONLY_LOOK = -1


def limit_keys(name: str, count: int) -> list[str]:
    """Give the Redis keys of the *count* limits that hold for *name*.

    All lie in one slot of a Redis cluster, since one script changes them together.

    Raises:
        ValueError: no name, or a brace in it.
    """
    if not name or "{" in name or "}" in name:
        raise ValueError(f"a limiter's name is not empty and holds no braces: {name!r}")
    return [f"ingestion:rate:{{{name}}}:{number}" for number in range(count)]


# KEYS: the limits' hashes. ARGV: one number, then token_us, capacity_us and cost_us of each limit.
# Lua writes large numbers as 1.7e+15, so whole ones are spelled out. A clock that stepped back (failover, NTP)
# takes the whole bucket back with it: nobody waits for the lost time to pass again.
_COMMON = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local function load(i)
  local saved = redis.call('HMGET', KEYS[i], 'full_at_us', 'not_before_us', 'seen_at_us')
  local stepped_back = math.max(0, tonumber(saved[3] or 0) - now)
  return {
    token = tonumber(ARGV[3 * i - 1]), capacity = tonumber(ARGV[3 * i]), cost = tonumber(ARGV[3 * i + 1]),
    full_at = tonumber(saved[1] or 0) - stepped_back, not_before = tonumber(saved[2] or 0) - stepped_back,
  }
end

local function save(i, bucket)
  redis.call('HSET', KEYS[i],
    'full_at_us', string.format('%.0f', bucket.full_at),
    'not_before_us', string.format('%.0f', bucket.not_before),
    'seen_at_us', string.format('%.0f', now))
  redis.call('PEXPIRE', KEYS[i], math.ceil((math.max(bucket.full_at, bucket.not_before) - now) / 1000) + 1)
end
"""


def reserve_script() -> str:
    """Give the script that takes the tokens of all limits, or of none.

    It answers `{1, wait_us}`; or, when the wait would be longer than `ARGV[1]`, `{0, wait_us}` with nothing changed.
    """
    return (
        _COMMON
        + """
local slot, buckets = now, {}
for i = 1, #KEYS do
  local bucket = load(i)
  slot = math.max(slot, bucket.not_before, bucket.full_at + bucket.cost - bucket.capacity)
  buckets[i] = bucket
end
if slot - now > tonumber(ARGV[1]) then return {0, slot - now} end
for i, bucket in ipairs(buckets) do
  bucket.full_at = math.max(bucket.full_at, slot) + bucket.cost
  save(i, bucket)
end
return {1, slot - now}
"""
    )


# Grant nothing for ARGV[1] microseconds, unless that is negative. Answers how much longer nothing may go.
PENALTY = (
    _COMMON
    + """
local asked, bucket = tonumber(ARGV[1]), load(1)
if asked >= 0 then
  bucket.not_before = math.max(bucket.not_before, now + asked)
  bucket.full_at = math.max(bucket.full_at, bucket.not_before + bucket.capacity - bucket.token)
  save(1, bucket)
end
return math.max(0, bucket.not_before - now)
"""
)


class RedisRateLimiter:
    """One bucket shared by every process that gives the same *name*.

    In any `t` seconds all of them together are granted at most `burst + rate_per_s * t` tokens. Time is the
    Redis server's; no process's clock matters. One Redis call admits one request: it takes the tokens on
    credit and tells how long to sleep. Within a process callers are served in order, so a process holds at
    most one reservation at a time, and that is what it loses when killed.

    Args:
        redis: A client; best with a pool that blocks, rather than fails, when it is used up.
        name: What is limited, as `upstream_name` gives it. No braces: they choose the cluster slot.
        rate_per_s: As for `Limit`.
        burst: As for `Limit`.
        also: Further limits that hold at the same time, such as 1,000 an hour: all grant a request, or none is
            touched. A penalty voids what the first limit has saved up; the others keep their count.
        processes: How many processes share the limit. While Redis can't be reached, each goes on alone at its
            part of the lowest rate, from an empty bucket. None: stop, `acquire` raises `RedisUnavailableError`.

    Raises:
        ValueError: a brace in the name, no process, or as for `Limit`.

    Source:
        The generic cell rate algorithm, ITU-T I.371.
    """

    def __init__(
        self,
        redis: Redis,
        name: str,
        rate_per_s: float,
        burst: int = 1,
        *,
        also: Sequence[Limit] = (),
        processes: int | None = None,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        if processes is not None and processes < 1:
            raise ValueError(f"want at least 1 process, not {processes}")
        self._name = name
        self._limits = (Limit(rate_per_s, burst), *also)
        self._keys = limit_keys(name, len(self._limits))
        self._reserve = RedisScript(redis, reserve_script(), clock=clock)
        self._penalty = RedisScript(redis, PENALTY, clock=clock)
        self._clock = clock
        self._sleep = sleep
        self._line = asyncio.Lock()
        self._not_before_s = -math.inf
        self._is_alone = False
        self._alone: TokenBucket | None = None
        if processes is not None:
            lowest_rate = min(limit.rate_per_s for limit in self._limits)
            smallest_burst = min(limit.burst for limit in self._limits)
            self._alone = TokenBucket(lowest_rate / processes, smallest_burst, clock=clock, sleep=sleep)

    async def acquire(self, tokens: int = 1, *, max_wait_s: float = math.inf) -> float:
        """Take *tokens*, waiting in line until every limit grants them.

        A penalty that begins meanwhile holds for waiting callers too; of one given by another process, a
        caller who waits less than a second may not hear. A caller cancelled in line has taken nothing; one
        cancelled at its head forfeits its tokens.

        Args:
            tokens: How many to take from each limit, at least 1 and at most its burst.
            max_wait_s: Give up at once, with nothing taken, on learning at the head of the line that the wait
                would be longer than this in all.

        Returns:
            Seconds spent waiting.

        Raises:
            ThrottledError: the wait would exceed *max_wait_s*; its `retry_after_s` is the rest of the wait.
            RedisUnavailableError: Redis can't be reached, and going on alone is not allowed.
            OverCapacityError: more tokens than a limit's burst.
            ValueError: *tokens* is not a whole number of at least 1.
        """
        arguments = self._arguments(tokens)  # a request that can never pass must not stand in line
        started_s = self._clock()
        deadline_s = started_s + max_wait_s
        async with self._line:
            while True:
                await self._sit_out_penalty(deadline_s)
                try:
                    waited_s = await self._wait_for_slot(arguments, deadline_s)
                except RedisUnavailableError as error:
                    alone = self._go_on_alone(error)
                    await alone.acquire(tokens, max_wait_s=deadline_s - self._clock())
                    break
                if not await self._is_penalised(waited_s):
                    break
        return self._clock() - started_s

    async def penalise(self, wait_s: float) -> None:
        """Grant nothing to anyone for *wait_s* seconds; then go on at the steady rate, without a burst.

        A shorter penalty never ends a longer one. When Redis can't be reached, it holds in this process alone.

        Raises:
            ValueError: *wait_s* is negative or not a number.
        """
        asked_us = penalty_us(wait_s)
        self._hold_back(asked_us)
        if self._alone:
            self._alone.penalise(wait_s)
        try:
            self._hold_back(await self._ask_penalty(asked_us))
        except RedisUnavailableError as error:
            _logger.warning("rate limit %s: a penalty holds in this process alone: %s", self._name, error)

    async def _ask_penalty(self, asked_us: int) -> int:
        return int(await self._penalty(self._keys[:1], [asked_us, *self._arguments(1)[:3]]))

    def _hold_back(self, left_us: int) -> None:
        self._not_before_s = max(self._not_before_s, self._clock() + left_us / _US_PER_S)

    def _arguments(self, tokens: int) -> list[int]:
        return [us for limit in self._limits for us in (limit.token_us, limit.capacity_us, limit.cost_us(tokens))]

    async def _sit_out_penalty(self, deadline_s: float) -> None:
        """Sleep as long as a penalty lasts that this process knows of; refuse to sleep past *deadline_s*."""
        while (now_s := self._clock()) < self._not_before_s:
            if self._not_before_s > deadline_s:
                raise too_long_a_wait(f"rate limit {self._name}", self._not_before_s - now_s, deadline_s - now_s)
            await self._sleep(self._not_before_s - now_s)

    async def _wait_for_slot(self, arguments: list[int], deadline_s: float) -> float:
        """Take tokens in one call to Redis and sleep until they may be used; refuse, untaken, past *deadline_s*."""
        left_s = deadline_s - self._clock()
        left_us = math.floor(min(max(0.0, left_s) * _US_PER_S, _FOR_EVER_US))
        granted, wait_us = await self._reserve(self._keys, [left_us, *arguments])
        self._is_alone = False
        wait_s = float(wait_us) / _US_PER_S
        if not granted:
            raise too_long_a_wait(f"rate limit {self._name}", wait_s, left_s)
        if wait_s > 0:
            await self._sleep(wait_s)
        return wait_s

    async def _is_penalised(self, waited_s: float) -> bool:
        """Say whether a penalty began during a wait; after a long one, in any process."""
        if waited_s >= _LONG_WAIT_S:
            with suppress(RedisUnavailableError):
                self._hold_back(await self._ask_penalty(_ONLY_LOOK))
        return self._clock() < self._not_before_s

    def _go_on_alone(self, error: RedisUnavailableError) -> TokenBucket:
        """Give the bucket of this process alone, or raise *error* where that is not allowed."""
        if self._alone is None:
            raise error
        if not self._is_alone:
            self._is_alone = True
            self._alone.penalise(0.0)  # what the shared bucket held may be spent already
            _logger.warning("rate limit %s: going on alone with a part of the rate: %s", self._name, error)
        return self._alone
