"""The script in Redis and the bucket in Python are one rule: driven through the same history, they say the same.

The real script can't be told the time. Here a copy of it reads the time from keys instead, and keeps its keys for an
hour, since its clock runs faster than the one by which Redis forgets.
"""

import os
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.resilience.rate_limiter import PENALTY, limit_keys, reserve_script
from ingestion.resilience.token_bucket import Limit, TokenBucket, next_slot, penalty_us

EPOCH_US = 1_767_603_600_123_456
FOR_EVER_US = 2**53 - 1


def on_a_test_clock(script: str) -> str:
    for real, test in [
        ("redis.call('TIME')", "{redis.call('GET', KEYS[1] .. ':s'), redis.call('GET', KEYS[1] .. ':us')}"),
        ("'PEXPIRE', KEYS[i], ", "'PEXPIRE', KEYS[i], 3600000 + "),
    ]:
        assert script.count(real) == 1
        script = script.replace(real, test)
    return script


class Shared:
    """The limits in Redis, on a clock set by hand."""

    def __init__(self, client: Any, limits: list[Limit]) -> None:
        self._redis = client
        self._limits = limits
        self._keys = limit_keys(f"agreement {os.getpid()}", len(limits))
        self._clock = [f"{self._keys[0]}:s", f"{self._keys[0]}:us"]
        self._reserve, self._penalty = (on_a_test_clock(script) for script in (reserve_script(), PENALTY))
        self.forget()

    def forget(self) -> None:
        self._redis.delete(*self._keys, *self._clock)

    def reserve(self, now_us: int, tokens: int, max_wait_us: int = FOR_EVER_US) -> tuple[bool, int]:
        granted, wait_us = self._run(self._reserve, now_us, max_wait_us, tokens)
        return bool(granted), wait_us

    def penalise(self, now_us: int, wait_us: int) -> int:
        return int(self._run(self._penalty, now_us, wait_us, 1))

    def state(self) -> list[dict[bytes, bytes]]:
        return [self._redis.hgetall(key) for key in self._keys]

    def _run(self, script: str, now_us: int, first: int, tokens: int) -> Any:
        self._redis.mset(dict(zip(self._clock, divmod(now_us, 1_000_000), strict=True)))
        numbers = [n for limit in self._limits for n in (limit.token_us, limit.capacity_us, limit.cost_us(tokens))]
        return self._redis.eval(script, len(self._keys), *self._keys, first, *numbers)


@pytest.fixture
def client(redis_url: str) -> Any:
    with redis.Redis.from_url(redis_url) as client:
        yield client


RATES = st.sampled_from([0.01, 0.3, 1.0, 3.0, 7.0, 49.9, 333.3, 10_000.0])
LATER_US = st.integers(0, 2_000) | st.integers(0, 3_000_000) | st.integers(0, 10**12)
ASK = st.tuples(st.just("ask"), LATER_US, st.integers(1, 12))
ASK_NOW = st.tuples(st.just("ask now"), LATER_US, st.integers(1, 12))
PENALISE = st.tuples(st.just("penalise"), LATER_US, st.integers(0, 10**10))
HISTORY = st.lists(ASK | ASK_NOW | PENALISE, max_size=40)
AGAINST_REDIS = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@AGAINST_REDIS
@given(RATES, st.integers(1, 12), HISTORY)
def test_redis_and_python_tell_every_caller_the_same(
    client: Any, rate_per_s: float, burst: int, history: list[tuple[str, int, int]]
) -> None:
    """T2, T3, T9: to the microsecond, at today's date."""
    now_us = EPOCH_US
    local = TokenBucket(rate_per_s, burst, clock=lambda: now_us / 1_000_000)
    shared = Shared(client, [Limit(rate_per_s, burst)])
    for verb, later_us, amount in history:
        now_us += later_us
        tokens = min(amount, burst)
        if verb == "penalise":
            local.penalise(amount / 1_000_000)
            asked_us = penalty_us(amount / 1_000_000)
            assert shared.penalise(now_us, asked_us) >= asked_us
        elif verb == "ask":
            assert shared.reserve(now_us, tokens) == (True, round(local.reserve(tokens) * 1_000_000))
        else:
            assert shared.reserve(now_us, tokens, max_wait_us=0)[0] == local.try_take(tokens)


@AGAINST_REDIS
@given(
    st.lists(st.tuples(RATES, st.integers(1, 12)), min_size=2, max_size=4),
    st.lists(st.tuples(LATER_US, st.integers(1, 12), st.just(FOR_EVER_US) | st.integers(0, 10**7)), max_size=30),
)
def test_several_limits_grant_together_or_not_at_all(
    client: Any, pairs: list[tuple[float, int]], asked: list[tuple[int, int, int]]
) -> None:
    """T5: every limit holds in every window, as if it were alone; a refusal changes no key."""
    limits = [Limit(*pair) for pair in pairs]
    shared, now_us, slots = Shared(client, limits), EPOCH_US, []
    full_at_us = [now_us] * len(limits)
    for later_us, amount, max_wait_us in asked:
        now_us += later_us
        tokens, before = min(amount, *(limit.burst for limit in limits)), shared.state()
        costs_us = [limit.cost_us(tokens) for limit in limits]
        each = list(zip(full_at_us, costs_us, [limit.capacity_us for limit in limits], strict=True))
        slot_us = max(next_slot(at, now_us, cost, capacity)[0] for at, cost, capacity in each)
        granted = slot_us - now_us <= max_wait_us
        assert shared.reserve(now_us, tokens, max_wait_us) == (granted, slot_us - now_us)
        if granted:
            full_at_us = [next_slot(at, slot_us, cost, capacity)[1] for at, cost, capacity in each]
            slots.append((slot_us, tokens))
        else:
            assert shared.state() == before
    for limit in limits:
        for first in range(len(slots)):
            taken = 0
            for slot_us, tokens in slots[first:]:
                taken += tokens
                assert taken * limit.token_us <= limit.capacity_us + slot_us - slots[first][0]


@AGAINST_REDIS
@given(RATES, st.integers(1, 12), st.lists(st.integers(1, 12), min_size=1, max_size=20), st.integers(1, 10**13))
def test_a_clock_that_steps_back_costs_nobody_the_lost_time(
    client: Any, rate_per_s: float, burst: int, asked: list[int], back_us: int
) -> None:
    """T14: a failover to a server whose clock is behind changes no wait, and gives no tokens away."""
    limit = Limit(rate_per_s, burst)
    steady, stepped = [], []
    for waits, step_us in ((steady, 0), (stepped, back_us)):
        shared = Shared(client, [limit])
        for number, amount in enumerate(asked):
            now_us = EPOCH_US - step_us * (number > 0)
            waits.append(shared.reserve(now_us, min(amount, burst)))
    assert stepped == steady


def test_a_penalty_of_a_year_is_kept_to_the_microsecond(client: Any) -> None:
    """T2, R6: the largest number that Redis holds for us is spelled out, not rounded to 14 digits."""
    shared = Shared(client, [Limit(7, 3)])
    year_us = 366 * 86_400 * 1_000_000
    assert shared.penalise(EPOCH_US, year_us) == year_us
    assert shared.reserve(EPOCH_US + 1, 1, max_wait_us=0) == (False, year_us - 1)
    assert all(value.isdigit() for hash_ in shared.state() for value in hash_.values())
