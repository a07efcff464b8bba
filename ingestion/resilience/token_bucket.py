# Made from solutions/m01_rest/07_token_bucket.ipynb: edit it there.
"""How often to ask: a bucket that fills at a steady rate, and from which every request takes.

The whole state of a bucket is one number: the moment at which it will be full again. Time is counted in whole
microseconds, so that a burst of exactly the capacity always passes; sums of fractions of a second would now and
then refuse the last of it.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable

from ingestion.errors import ConfigurationError, ThrottledError

__all__ = [
    "MAX_PENALTY_S",
    "MAX_RATE_PER_S",
    "Clock",
    "Limit",
    "OverCapacityError",
    "Sleep",
    "TokenBucket",
    "after_penalty",
    "next_slot",
    "penalty_us",
    "too_long_a_wait",
]


Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]

MAX_RATE_PER_S = 10_000
MAX_PENALTY_S = 366 * 86_400.0
_US_PER_S = 1_000_000


class OverCapacityError(ConfigurationError):
    """More tokens were asked for than the bucket can ever hold: the wait would never end."""


class Limit:
    """At most *burst* at once and *rate_per_s* in the long run.

    In any `t` seconds that is `burst + rate_per_s * t` tokens.
    The interval between two tokens is rounded up to whole microseconds, so the limit is never exceeded; it is used
    to within 1 % at 10,000 a second, and to within 0.01 % at 100.

    Attributes:
        token_us: The time in which one token flows in.
        capacity_us: The time in which the empty bucket fills.

    Raises:
        ValueError: a rate that is not above 0 and at most 10,000 a second (count in larger tokens), a burst that
            is no whole number of at least 1, or a bucket that takes more than a year to fill.
    """

    def __init__(self, rate_per_s: float, burst: int = 1) -> None:
        if not 0 < rate_per_s <= MAX_RATE_PER_S:
            raise ValueError(f"want 0 < rate_per_s <= {MAX_RATE_PER_S}, not {rate_per_s!r}")
        if burst % 1 or not 1 <= burst <= rate_per_s * MAX_PENALTY_S:
            raise ValueError(f"want a whole burst >= 1, full within a year, not {burst!r} at {rate_per_s}/s")
        self.rate_per_s = rate_per_s
        self.burst = int(burst)
        self.token_us = math.ceil(_US_PER_S / rate_per_s)
        self.capacity_us = self.burst * self.token_us

    def cost_us(self, tokens: int) -> int:
        """Give the time in which *tokens* flow in.

        Raises:
            OverCapacityError: *tokens* is more than the burst.
            ValueError: *tokens* is no whole number of at least 1.
        """
        if tokens % 1 or not tokens >= 1:
            raise ValueError(f"want a whole number of tokens, at least 1, not {tokens!r}")
        if tokens > self.burst:
            raise OverCapacityError(f"{tokens} tokens never fit a burst of {self.burst}: raise it, or ask for less")
        return int(tokens) * self.token_us


def next_slot(full_at_us: int, now_us: int, cost_us: int, capacity_us: int) -> tuple[int, int]:
    """Take *cost_us* from a bucket: give the moment when the request may go, and when the bucket is full after it.

    Args:
        full_at_us: When the bucket is full again as things stand; in the past if it is full.
        now_us: The present.
        cost_us: What the request costs, as time: at most *capacity_us*.
        capacity_us: What the bucket holds, as time.

    Returns:
        The first moment, now or later, at which the bucket holds enough; and the new *full_at_us*.
    """
    slot_us = max(now_us, full_at_us + cost_us - capacity_us)
    return slot_us, max(full_at_us, slot_us) + cost_us


def after_penalty(full_at_us: int, until_us: int, limit: Limit) -> int:
    """Give the new *full_at_us* of a bucket that may grant nothing before *until_us*.

    At *until_us* it holds one token at most, whatever it held before: traffic goes on at the rate, not with a burst.
    A bucket that is further behind than that stays as it is.
    """
    return max(full_at_us, until_us + limit.capacity_us - limit.token_us)


def penalty_us(wait_s: float) -> int:
    """Give *wait_s* in whole microseconds, rounded up and at most a year.

    Raises:
        ValueError: *wait_s* is negative or not a number.
    """
    if not wait_s >= 0:
        raise ValueError(f"want a penalty of 0 seconds or more, not {wait_s!r}")
    return math.ceil(min(wait_s, MAX_PENALTY_S) * _US_PER_S)


def too_long_a_wait(name: str, wait_s: float, max_wait_s: float) -> ThrottledError:
    """Make the error for a caller who may not wait as long as the limit asks; nothing was sent or taken."""
    error = ThrottledError(
        f"{name}: the next request may go in {wait_s:.3f} s, and may wait {max(0.0, max_wait_s):.3f} s",
        retry_after_s=wait_s,
    )
    error.request_sent = False
    return error


class TokenBucket:
    """One process's bucket: full at the start, *capacity* deep, refilled at *rate_per_s*.

    In any `t` seconds it grants at most `capacity + rate_per_s * t` tokens. It belongs to one event loop.

    Raises:
        ValueError: as for `Limit`.
    """

    def __init__(
        self,
        rate_per_s: float,
        capacity: int,
        *,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._limit = Limit(rate_per_s, capacity)
        self._clock = clock
        self._sleep = sleep
        self._line = asyncio.Lock()
        self._full_at_us = self._not_before_us = self._now_us()

    def _now_us(self) -> int:
        return round(self._clock() * _US_PER_S)

    def _wait_s(self, cost_us: int) -> float:
        now_us = self._now_us()
        slot_us, _ = next_slot(self._full_at_us, now_us, cost_us, self._limit.capacity_us)
        return (slot_us - now_us) / _US_PER_S

    def reserve(self, tokens: int = 1) -> float:
        """Take *tokens* now, on credit if need be, and tell after how many seconds they may be used.

        The caller waits by itself; nothing gives the tokens back.

        Raises:
            OverCapacityError: more tokens than the bucket can hold.
            ValueError: *tokens* is no whole number of at least 1.
        """
        cost_us, now_us = self._limit.cost_us(tokens), self._now_us()
        slot_us, self._full_at_us = next_slot(self._full_at_us, now_us, cost_us, self._limit.capacity_us)
        return (slot_us - now_us) / _US_PER_S

    def try_take(self, tokens: int = 1) -> bool:
        """Take *tokens* if they are there and nobody is in line for them; otherwise change nothing.

        Raises:
            OverCapacityError, ValueError: as for `reserve`.
        """
        if self._wait_s(self._limit.cost_us(tokens)) > 0 or self._line.locked():
            return False
        self.reserve(tokens)
        return True

    def penalise(self, wait_s: float) -> None:
        """Grant nothing for *wait_s* seconds; then go on at the rate, from one token, without a burst.

        A shorter penalty never ends a longer one.

        Raises:
            ValueError: *wait_s* is negative or not a number.
        """
        until_us = self._now_us() + penalty_us(wait_s)
        self._not_before_us = max(self._not_before_us, until_us)
        self._full_at_us = after_penalty(self._full_at_us, until_us, self._limit)

    async def acquire(self, tokens: int = 1, *, max_wait_s: float = math.inf) -> float:
        """Take *tokens*, waiting in line until the bucket holds that many.

        Callers are served in the order they arrive. A penalty that begins while they wait holds for them too.
        A caller cancelled in line leaves the bucket as it was, unless a `reserve` has built on its place.

        Args:
            tokens: How many to take, `1 <= tokens <= capacity`.
            max_wait_s: Give up at once, with nothing taken, on learning at the head of the line that the wait
                would be longer than this in all.

        Returns:
            Seconds spent waiting.

        Raises:
            ThrottledError: the wait would exceed *max_wait_s*; its `retry_after_s` is the rest of the wait.
            OverCapacityError, ValueError: as for `reserve`, without waiting in line.
        """
        cost_us, started_s = self._limit.cost_us(tokens), self._clock()
        async with self._line:
            while True:
                left_s = max_wait_s - (self._clock() - started_s)
                if (wait_s := self._wait_s(cost_us)) > max(0.0, left_s):
                    raise too_long_a_wait("token bucket", wait_s, left_s)
                before_us = self._full_at_us
                self.reserve(tokens)
                after_us = self._full_at_us
                try:
                    await self._sleep(wait_s)
                except BaseException:
                    if self._full_at_us == after_us:  # nobody has built on this place in the line
                        self._full_at_us = before_us
                    raise
                if self._now_us() >= self._not_before_us:
                    return self._clock() - started_s
