"""Compares the wait with what the caller allows before the loop: a penalty that begins later may take any time."""
#| exercise: m01-07-ex3
#| caught by: test_ex3_a_penalty_does_not_outlast_the_callers_patience
class TokenBucket:

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
        cost_us, now_us = self._limit.cost_us(tokens), self._now_us()
        slot_us, self._full_at_us = next_slot(self._full_at_us, now_us, cost_us, self._limit.capacity_us)
        return (slot_us - now_us) / _US_PER_S

    def try_take(self, tokens: int = 1) -> bool:
        if self._wait_s(self._limit.cost_us(tokens)) > 0 or self._line.locked():
            return False
        self.reserve(tokens)
        return True

    def penalise(self, wait_s: float) -> None:
        until_us = self._now_us() + penalty_us(wait_s)
        self._not_before_us = max(self._not_before_us, until_us)
        self._full_at_us = after_penalty(self._full_at_us, until_us, self._limit)

    async def acquire(self, tokens: int = 1, *, max_wait_s: float = math.inf) -> float:
        cost_us, started_s = self._limit.cost_us(tokens), self._clock()
        async with self._line:
            left_s = max_wait_s - (self._clock() - started_s)
            if (wait_s := self._wait_s(cost_us)) > max(0.0, left_s):
                raise too_long_a_wait("token bucket", wait_s, left_s)
            while True:
                wait_s = self._wait_s(cost_us)
                before_us = self._full_at_us
                self.reserve(tokens)
                after_us = self._full_at_us
                try:
                    await self._sleep(wait_s)
                except BaseException:
                    if self._full_at_us == after_us:
                        self._full_at_us = before_us
                    raise
                if self._now_us() >= self._not_before_us:
                    return self._clock() - started_s
