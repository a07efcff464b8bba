# Made from solutions/m01_rest/09_circuit_breaker.ipynb: edit it there.
"""One circuit for many processes: the rule of `circuit_breaker`, run by Redis on its own clock.

The two scripts below are that rule, line by line; a test runs both over the same histories.
"""

import logging
import random
import time
from functools import partial

from redis.asyncio import Redis

from ingestion.resilience.backoff import Uniform
from ingestion.resilience.circuit_breaker import (
    SLICES,
    BreakerPolicy,
    CircuitBreaker,
    circuit_open,
    draw_jitter_ppm,
)
from ingestion.resilience.permit import Permit
from ingestion.resilience.redis_script import RedisScript, RedisUnavailableError
from ingestion.resilience.token_bucket import Clock
from ingestion.resilience.upstream import Verdict

__all__ = ["ENTER", "SETTLE", "RedisCircuitBreaker", "logger"]


logger = logging.getLogger(__name__)

_MEMORY_S = 86_400


# ARGV: rate_ppm, min_calls, slice_us, delay_us, max_delay_us, lease_us, memory_ms, slices.
_COMMON = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local key = KEYS[1]
local rate_ppm, min_calls, slice_us = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local delay_us, max_delay_us, lease_us = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local saved = redis.call('HMGET', key, 'generation', 'trips', 'retry_at_us', 'probe_until_us')
local generation, trips = tonumber(saved[1] or 0), tonumber(saved[2] or 0)
local retry_at, probe_until = tonumber(saved[3] or 0), tonumber(saved[4] or 0)

local function save()
  redis.call('HSET', key, 'trips', trips, 'generation', string.format('%.0f', generation),
    'retry_at_us', string.format('%.0f', retry_at), 'probe_until_us', string.format('%.0f', probe_until))
  redis.call('PEXPIRE', key, ARGV[7])
end

local function begin_generation()
  generation = math.max(generation + 1, now)
end
"""

# Answers {generation, wait_us}; 0 lets the request go.
ENTER = (
    _COMMON
    + """
if trips == 0 then return {generation, 0} end
if retry_at > now + max_delay_us or probe_until > now + lease_us then
  retry_at = math.min(retry_at, now + max_delay_us)
  probe_until = math.min(probe_until, now + lease_us)
  save()
end
local free_at = math.max(retry_at, probe_until)
if now < free_at then return {generation, free_at - now} end
begin_generation()
probe_until = now + lease_us
save()
return {generation, 0}
"""
)

# ARGV further: generation, verdict, jitter_ppm. Answers the new state, or '' when it stays.
SETTLE = (
    _COMMON
    + """
local verdict, jitter_ppm, slices = ARGV[10], tonumber(ARGV[11]), tonumber(ARGV[8])
if tonumber(ARGV[9]) ~= generation then return '' end

local function open()
  local full_delay = math.min(max_delay_us, delay_us * 2 ^ math.min(trips, 40))
  retry_at = now + math.floor(full_delay * jitter_ppm / 1000000)
  trips = trips + 1
  probe_until = 0
  begin_generation()
  redis.call('DEL', key)
  save()
  return 'open'
end

if trips > 0 then
  if verdict == 'failed' then return open() end
  if verdict == 'succeeded' then
    trips, retry_at = 0, 0
    begin_generation()
  end
  probe_until = 0
  save()
  return verdict == 'succeeded' and 'closed' or ''
end
if verdict == 'abandoned' then return '' end

local newest = math.floor(now / slice_us)
redis.call('HINCRBY', key, string.format('calls:%.0f', newest), 1)
redis.call('HINCRBY', key, string.format('failures:%.0f', newest), verdict == 'failed' and 1 or 0)
local counts, fields = {calls = 0, failures = 0}, redis.call('HGETALL', key)
for i = 1, #fields, 2 do
  local kind, at = string.match(fields[i], '^(%a+):(%d+)$')
  if kind then
    at = tonumber(at)
    if newest - slices < at and at <= newest then
      counts[kind] = counts[kind] + fields[i + 1]
    else
      redis.call('HDEL', key, fields[i])
    end
  end
end
if counts.calls >= min_calls and counts.failures * 1000000 >= rate_ppm * counts.calls then return open() end
redis.call('PEXPIRE', key, ARGV[7])
return ''
"""
)


class RedisCircuitBreaker:
    """One circuit shared by every process that gives the same *name*; of them all, one request probes.

    A request costs two round trips to Redis, one to enter and one to report. While Redis can't be reached,
    each process goes by a circuit of its own. A process killed while it probes blocks the others for
    `probe_lease_s`.

    Args:
        redis: A client; best with a pool that blocks, rather than fails, when it is used up.
        name: What it guards, as `upstream_name` gives it. No braces: they choose the cluster slot.
        policy: When it opens, and for how long; the same in every process.
        clock: For the circuit of its own, in seconds. The shared one goes by the server's clock.
        uniform: Draws the part of each full delay for which it stays open.

    Raises:
        ValueError: a brace in the name.
    """

    def __init__(
        self,
        redis: Redis,
        name: str,
        policy: BreakerPolicy | None = None,
        *,
        clock: Clock = time.monotonic,
        uniform: Uniform = random.uniform,
    ) -> None:
        if not name or "{" in name or "}" in name:
            raise ValueError(f"a circuit's name is not empty and holds no braces: {name!r}")
        policy = policy or BreakerPolicy()
        self.name = name
        self._keys = [f"ingestion:circuit:{{{name}}}"]
        self._arguments = (*policy.numbers(), _MEMORY_S * 1000, SLICES)
        self._enter = RedisScript(redis, ENTER, clock=clock)
        self._settle = RedisScript(redis, SETTLE, clock=clock)
        self._alone = CircuitBreaker(name, policy, clock=clock, uniform=uniform)
        self._uniform = uniform

    async def enter(self) -> Permit:
        """Ask to send one request, before anything is spent on it: a refusal costs no token and no retry.

        Raises:
            CircuitOpenError: it stays here; `retry_after_s` says when to ask again.
        """
        try:
            generation, wait_us = await self._enter(self._keys, self._arguments)
        except RedisUnavailableError:
            return await self._alone.enter()
        if wait_us:
            raise circuit_open(self.name, wait_us)
        return Permit(partial(self._report, generation))

    async def _report(self, generation: int, verdict: Verdict) -> None:
        arguments = (*self._arguments, generation, verdict.value, draw_jitter_ppm(self._uniform))
        try:
            changed = await self._settle(self._keys, arguments)
        except RedisUnavailableError:
            self._alone.record(verdict)
            return
        if changed:
            logger.warning("circuit %s is %s", self.name, changed if isinstance(changed, str) else changed.decode())
