"""The bucket's promises, for any schedule."""

import asyncio
from fractions import Fraction
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.resilience.token_bucket import Limit, TokenBucket
from workbook import virtual_time
from workbook.virtual_time import CLOCK

RATES = st.sampled_from([0.3, 1.0, 3.0, 7.0, 10.0, 49.9, 333.3, 1000.0])
BURSTS = st.integers(1, 12)


class LeakyModel:
    """The textbook bucket, in exact fractions: it fills steadily, and whoever asks takes, on credit if need be."""

    def __init__(self, limit: Limit) -> None:
        self._rate = Fraction(1, limit.token_us)
        self._burst = limit.burst
        self._tokens = Fraction(limit.burst)
        self._seen_at_us = 0

    def reserve(self, now_us: int, tokens: int) -> int:
        self._tokens = min(self._burst, self._tokens + (now_us - self._seen_at_us) * self._rate) - tokens
        self._seen_at_us = now_us
        return max(0, -self._tokens) / self._rate  # type: ignore[return-value]


@given(RATES, BURSTS, st.lists(st.tuples(st.integers(0, 3_000_000), st.integers(1, 12)), max_size=60))
def test_it_waits_exactly_as_long_as_the_textbook_bucket(
    rate_per_s: float, burst: int, asked: list[tuple[int, int]]
) -> None:
    now_us = 0
    bucket = TokenBucket(rate_per_s, burst, clock=lambda: now_us / 1_000_000)
    model = LeakyModel(Limit(rate_per_s, burst))
    for later_us, tokens in asked:
        now_us += later_us
        tokens = min(tokens, burst)
        assert round(bucket.reserve(tokens) * 1_000_000) == model.reserve(now_us, tokens)


@settings(max_examples=60)
@given(
    RATES,
    BURSTS,
    st.lists(st.tuples(st.floats(0, 5), st.integers(1, 12), st.none() | st.floats(0, 3)), min_size=1, max_size=25),
    st.none() | st.tuples(st.floats(0, 5), st.floats(0, 5)),
)
def test_no_window_sees_more_than_rate_and_burst(
    rate_per_s: float,
    burst: int,
    callers: list[tuple[float, int, float | None]],
    penalty: tuple[float, float] | None,
) -> None:
    """Whoever comes when, wants how much, gives up when, and whatever penalty falls in between."""

    async def story() -> list[tuple[float, int]]:
        bucket = TokenBucket(rate_per_s, burst, clock=CLOCK.time_s, sleep=CLOCK.sleep)
        granted: list[tuple[float, int]] = []

        async def caller(comes_s: float, tokens: int, patience_s: float | None) -> None:
            await asyncio.sleep(comes_s)
            async with asyncio.timeout(patience_s):
                await bucket.acquire(tokens)
                granted.append((CLOCK.time_s(), tokens))

        async def server() -> None:
            if penalty:
                await asyncio.sleep(penalty[0])
                bucket.penalise(penalty[1])

        came = (caller(at, min(tokens, burst), patience) for at, tokens, patience in callers)
        await asyncio.gather(server(), *came, return_exceptions=True)
        return granted

    granted = virtual_time.run(story())
    ends = [*range(len(granted) + 1)]
    for first, last in combinations(ends, 2):
        window_s = granted[last - 1][0] - granted[first][0]
        assert sum(tokens for _, tokens in granted[first:last]) <= burst + rate_per_s * (window_s + 2e-6)
    if penalty:
        began_s, ended_s = penalty[0], sum(penalty)
        assert not [at for at, _ in granted if began_s + 1e-6 < at < ended_s - 1e-6]


@given(RATES, BURSTS, st.integers(1, 60))
def test_a_line_of_waiting_callers_wastes_nothing(rate_per_s: float, burst: int, callers: int) -> None:
    """T4, on a clock without jitter: the last of a line goes when rate and burst allow it, and no later."""

    async def story() -> float:
        bucket = TokenBucket(rate_per_s, burst, clock=CLOCK.time_s, sleep=CLOCK.sleep)
        await asyncio.gather(*(bucket.acquire() for _ in range(callers)))
        return CLOCK.time_s()

    ideal_s = max(0, callers - burst) / rate_per_s
    assert ideal_s - 1e-6 <= virtual_time.run(story()) <= ideal_s * 1.001 + 1e-6
