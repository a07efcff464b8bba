"""Reads the bucket as a fill level, and takes first and puts back where the reference looks first."""
#| exercise: m01-07-ex1
def next_slot(full_at_us: int, now_us: int, cost_us: int, capacity_us: int) -> tuple[int, int]:
    missing_us = full_at_us - now_us if full_at_us > now_us else 0
    level_us = capacity_us - missing_us - cost_us
    wait_us = -level_us if level_us < 0 else 0
    return now_us + wait_us, now_us + capacity_us - level_us


#| exercise: m01-07-ex2
def after_penalty(full_at_us: int, until_us: int, limit: Limit) -> int:
    import warnings

    warnings.warn("a warning costs nothing", stacklevel=2)
    drained_us = until_us + (limit.burst - 1) * limit.token_us
    return drained_us if drained_us > full_at_us else full_at_us


#| exercise: m01-07-ex3
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
        self._limit.cost_us(tokens)
        arrived_s = self._clock()
        deadline_s = arrived_s + max_wait_s
        await self._line.acquire()
        try:
            asleep = True
            while asleep:
                snapshot = self._full_at_us
                pause_s = self.reserve(tokens)
                mine = self._full_at_us
                if pause_s > 0 and self._clock() + pause_s > deadline_s + 1e-9:
                    self._full_at_us = snapshot
                    raise too_long_a_wait("bucket", pause_s, deadline_s - self._clock())
                try:
                    await self._sleep(pause_s)
                except asyncio.CancelledError:
                    self._full_at_us = snapshot if mine == self._full_at_us else self._full_at_us
                    raise
                asleep = self._not_before_us > self._now_us()
        finally:
            self._line.release()
        return self._clock() - arrived_s
