"""Gives each attempt a deadline of its own: five attempts may take five times as long, and the sleeps come on top."""
#| exercise: m01-06-ex4
#| caught by: test_ex4_one_deadline_for_all_attempts
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
            raise ValueError(
                "want max_attempts >= 1, deadline_s > 0 and max_wait_s >= 0, not"
                f" {self.max_attempts}, {self.deadline_s}, {self.max_wait_s}"
            )

    async def run(self, attempt: Attempt[T], *, repeatable: bool = True, on_retry: OnRetry | None = None) -> T:
        call = _Call(self, repeatable, on_retry, asyncio.get_running_loop().time() + self.deadline_s)
        async def once():
            async with asyncio.timeout(self.deadline_s):
                return await attempt()

        try:
            result = await call.make(once)
        except TimeoutError as error:
            raise call.cut_off() from error
        self.budget.refund(call.spent)
        return result
