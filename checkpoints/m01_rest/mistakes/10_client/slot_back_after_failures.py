"""Gives the slot back after an answer and after a failure: a cancelled call is neither."""
#| exercise: m01-10-ex3
#| caught by: test_ex3_a_slot_comes_back_when_cancelled
class Gate:

    def __init__(
        self,
        limiter: Limiter | None,
        breaker: Breaker | None,
        credentials: Credentials,
        *,
        max_in_flight: int,
        stats: ClientStats,
    ) -> None:
        self.limiter = limiter
        self.breaker = breaker or AlwaysClosed()
        self.credentials = credentials
        self.slots = asyncio.Semaphore(max_in_flight)
        self.stats = stats

    async def send(self, call: Call, make: Callable[[str], Awaitable[httpx.Response]]) -> httpx.Response:
        call.may_be_sent = False
        await self.slots.acquire()
        try:
            response = await self._send(call, make)
        except Exception:
            self.slots.release()
            raise
        self.slots.release()
        return response

    async def _send(self, call: Call, make: Callable[[str], Awaitable[httpx.Response]]) -> httpx.Response:
        async with await self.breaker.enter() as permit:
            await self.wait_for_turn(call)
            authorization = await self.credentials()

            verdict = Verdict.ABANDONED
            try:
                response = await make(authorization)
                verdict = verdict_of(response)
            except Exception as error:
                verdict = verdict_of(error)
                raise
            finally:
                await permit.settle(verdict)
        return response

    async def wait_for_turn(self, call: Call) -> None:
        left_s = call.deadline_at_s - asyncio.get_running_loop().time()
        self.stats.limited_s += await self._a_limiter().acquire(max_wait_s=left_s)

    async def pause_everyone(self, wait_s: float) -> None:
        told = self._a_limiter().penalise(wait_s)
        if inspect.isawaitable(told):
            await told

    def _a_limiter(self) -> Limiter:
        if self.limiter is None:  # a bucket too wide to hold anything back, except by a penalty
            self.limiter = TokenBucket(10_000, 1_000, clock=asyncio.get_running_loop().time)
        return self.limiter
