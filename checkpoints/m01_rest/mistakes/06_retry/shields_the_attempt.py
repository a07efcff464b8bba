"""Shields the attempt, so that "no request is cut in half": cancelled work goes on, and nobody waits for it."""
#| exercise: m01-06-ex4
#| caught by: test_ex4_cancellation_is_an_order
@dataclass(frozen=True)
class RetryPolicy:
    max_attempts: int = 5
    deadline_s: float = 60.0
    max_wait_s: float = 30.0
    base_s: float = 0.1
    cap_s: float = 20.0
    budget: RetryBudget = field(default_factory=RetryBudget)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    uniform: Uniform = random.uniform
    now: Now = utc_now

    def __post_init__(self) -> None:
        if self.max_attempts < 1 or not self.deadline_s > 0 or not self.max_wait_s >= 0:
            raise ValueError("want max_attempts >= 1, deadline_s > 0 and max_wait_s >= 0")

    async def run(self, attempt: Attempt[T], *, repeatable: bool = True, on_retry: OnRetry | None = None) -> T:
        call = _Call(self, repeatable, on_retry, asyncio.get_running_loop().time() + self.deadline_s)
        deadline = asyncio.timeout_at(call.deadline_at_s)
        try:
            async with deadline:
                result = await asyncio.shield(call.make(attempt))
        except TimeoutError as error:
            if not deadline.expired():
                raise
            raise call.cut_off() from error
        self.budget.refund(call.spent)
        return result
