"""Sits the penalty out and goes, on the slot from before it: so does everybody else who was asleep, in every process."""
#| exercise: m01-08-ex3
#| caught by: test_ex3_a_slot_from_before_the_penalty_is_void
class RedisRateLimiter:

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
        arguments = self._arguments(tokens)
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
                if await self._is_penalised(waited_s):
                    await self._sit_out_penalty(deadline_s)
                break
        return self._clock() - started_s

    async def penalise(self, wait_s: float) -> None:
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
        return [
            us for limit in self._limits for us in (limit.token_us, limit.capacity_us, limit.cost_us(tokens))
        ]

    async def _sit_out_penalty(self, deadline_s: float) -> None:
        while (now_s := self._clock()) < self._not_before_s:
            if self._not_before_s > deadline_s:
                raise too_long_a_wait(
                    f"rate limit {self._name}", self._not_before_s - now_s, deadline_s - now_s
                )
            await self._sleep(self._not_before_s - now_s)

    async def _wait_for_slot(self, arguments: list[int], deadline_s: float) -> float:
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
        if waited_s >= _LONG_WAIT_S:
            with suppress(RedisUnavailableError):
                self._hold_back(await self._ask_penalty(_ONLY_LOOK))
        return self._clock() < self._not_before_s

    def _go_on_alone(self, error: RedisUnavailableError) -> TokenBucket:
        if self._alone is None:
            raise error
        if not self._is_alone:
            self._is_alone = True
            self._alone.penalise(0.0)  # what the shared bucket held may be spent already
            _logger.warning("rate limit %s: going on alone with a part of the rate: %s", self._name, error)
        return self._alone
