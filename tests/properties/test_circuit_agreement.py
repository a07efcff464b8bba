"""The breaker's rule in Python and its scripts in Redis are one: driven through the same history, they say the same."""

import os
import random
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.resilience.circuit_breaker import SLICES, BreakerPolicy, Circuit, State, admit, settle
from ingestion.resilience.redis_circuit_breaker import ENTER, SETTLE
from ingestion.resilience.upstream import Verdict

EPOCH_US = 1_767_603_600_123_456
HOUR_MS = 3_600_000

POLICIES = st.builds(
    BreakerPolicy,
    failure_rate=st.sampled_from([0.1, 1 / 3, 0.5, 1.0]),
    min_calls=st.integers(1, 6),
    window_s=st.sampled_from([0.5, 7.0, 30.0]),
    delay_s=st.sampled_from([0.01, 0.3, 1.0]),
    max_delay_s=st.sampled_from([1.0, 5.0, 60.0]),
    probe_lease_s=st.sampled_from([0.2, 3.0]),
)
Step = tuple[str, int, int, int]
"""`enter` or a verdict; microseconds since the last step; which of the latest permits reports; jitter in ppm."""


def a_long_history(seed: int, failing: float, hurry: float) -> list[Step]:
    """Two hundred steps: callers come and report, now and then long after, and sometimes the clock steps back."""
    draws, steps = random.Random(seed), []
    for _ in range(100):
        steps.append(("enter", int(draws.expovariate(1 / (hurry * 1_000_000))), 0, 0))
        verdict = Verdict.FAILED if draws.random() < failing else draws.choice([*Verdict])
        later_us = draws.choice([0, 1, 1_000, 400_000, -2_000_000])
        steps.append((verdict, later_us, draws.choice([0, 0, 0, 1, 3]), draws.randrange(500_000, 1_000_001)))
    return steps


HISTORY = st.builds(
    a_long_history, st.integers(0, 2**32), st.sampled_from([0.2, 0.6, 0.95]), st.sampled_from([0.005, 0.2, 2.0])
)
AGAINST_REDIS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Shared:
    """The circuit in Redis, on a clock set by hand: a copy of the scripts reads the time from keys instead."""

    def __init__(self, client: Any, policy: BreakerPolicy) -> None:
        self._redis = client
        self._key = f"agreement:{os.getpid()}"
        self._clock = [f"{self._key}:s", f"{self._key}:us"]
        self._policy = [*policy.numbers(), HOUR_MS, SLICES]
        client.delete(self._key, *self._clock)

    def run(self, script: str, now_us: int, *more: int | str) -> Any:
        real = "redis.call('TIME')"
        assert script.count(real) == 1
        script = script.replace(real, "{redis.call('GET', KEYS[1] .. ':s'), redis.call('GET', KEYS[1] .. ':us')}")
        self._redis.mset(dict(zip(self._clock, divmod(now_us, 1_000_000), strict=True)))
        return self._redis.eval(script, 1, self._key, *self._policy, *more)


@pytest.fixture
def client(redis_url: str) -> Any:
    with redis.Redis.from_url(redis_url) as client:
        yield client


@AGAINST_REDIS
@given(POLICIES, HISTORY)
def test_redis_and_python_admit_and_refuse_alike(client: Any, policy: BreakerPolicy, history: list[Step]) -> None:
    """C1, C2, C4, C6, C10, for any history, with clocks that step back as well."""
    local, shared, now_us = Circuit(policy.numbers()), Shared(client, policy), EPOCH_US
    permits: list[int] = []
    for verb, later_us, which, jitter_ppm in history:
        now_us += later_us
        if verb == "enter":
            generation, wait_us = admit(local, now_us)
            assert shared.run(ENTER, now_us) == [generation, wait_us]
            if wait_us == 0:
                permits.insert(0, generation)
        elif which < len(permits):
            changed = settle(local, now_us, permits[which], Verdict(verb), jitter_ppm)
            answer = shared.run(SETTLE, now_us, permits[which], verb, jitter_ppm)
            assert answer.decode() == (changed or "")


@given(POLICIES, HISTORY)
def test_no_history_lets_two_probe_at_once(policy: BreakerPolicy, history: list[Step]) -> None:
    """C1, C2: half-open, a second one goes only when the first has reported, or its lease has run out."""
    circuit, now_us = Circuit(policy.numbers()), EPOCH_US
    permits: list[int] = []
    probe_ends_us = None
    for verb, later_us, which, jitter_ppm in history:
        now_us += abs(later_us)
        if verb == "enter":
            state = circuit.state(now_us)
            generation, wait_us = admit(circuit, now_us)
            if wait_us:
                continue
            assert state is not State.OPEN
            assert generation not in permits or state is State.CLOSED
            if state is State.HALF_OPEN:
                assert probe_ends_us is None or now_us >= probe_ends_us
                probe_ends_us = now_us + policy.numbers().lease_us
            permits.insert(0, generation)
        elif which < len(permits):
            if permits[which] == circuit.generation:
                probe_ends_us = None
            settle(circuit, now_us, permits[which], Verdict(verb), jitter_ppm)


@given(POLICIES, HISTORY, st.integers(0, 10**13))
def test_a_clock_that_steps_back_keeps_nobody_away_for_the_lost_time(
    policy: BreakerPolicy, history: list[Step], back_us: int
) -> None:
    """After any history and any step back, it admits within the longest delay and a lease."""
    circuit, now_us = Circuit(policy.numbers()), EPOCH_US
    permits: list[int] = []
    for verb, later_us, which, jitter_ppm in history:
        now_us += later_us
        if verb == "enter":
            generation, wait_us = admit(circuit, now_us)
            permits += [generation] * (wait_us == 0)
        elif which < len(permits):
            settle(circuit, now_us, permits[-1 - which], Verdict(verb), jitter_ppm)
    now_us -= back_us
    _, wait_us = admit(circuit, now_us)
    assert wait_us <= max(policy.numbers().max_delay_us, policy.numbers().lease_us)
    assert wait_us == 0 or admit(circuit, now_us + wait_us)[1] == 0
