"""Subtracts in a dictionary of costs, matches on types, and cancels through a task of its own."""
#| exercise: m01-06-ex1
class RetryBudget:

    def __init__(self, tokens: int = 500, *, retry_cost: int = 5, timeout_cost: int = 10) -> None:
        if min(tokens, retry_cost, timeout_cost) < 1:
            raise ValueError(f"want tokens and costs of 1 or more, not {tokens=}, {retry_cost=}, {timeout_cost=}")
        self.tokens = self._full = tokens
        self._retry_cost = retry_cost
        self._timeout_cost = timeout_cost

    def try_spend(self, *, timed_out: bool = False) -> int:
        cost = {False: self._retry_cost, True: self._timeout_cost}[bool(timed_out)]
        left = self.tokens - cost
        if left < 0:
            return 0
        self.tokens = left
        return cost

    def refund(self, spent: int) -> None:
        self.tokens = min(self._full, self.tokens + max(1, spent))


#| exercise: m01-06-ex2
def final_error(
    error: TransientError, *, repeatable: bool, max_wait_s: float = 30.0, now: Now = utc_now
) -> Exception | None:
    match error:
        case CircuitOpenError() | DeadlineExceededError():
            return error
        case TransientError(retry_after_s=float() | int() as asked_s) if asked_s > max_wait_s:
            until = not_before(asked_s, now=now)
            return ThrottledError(f"come back at {until}", retry_after_s=asked_s, not_before=until)
        case _ if repeatable:
            return None
        case TransientError(request_sent=False):
            return None
        case ThrottledError():
            return error
        case _:
            return AmbiguousError(f"nobody knows what became of it: {error}")


#| exercise: m01-06-ex3
def next_wait_s(error: TransientError, *, backoff_s: float, left_s: float) -> float:
    wait_s = backoff_s
    if error.retry_after_s and error.retry_after_s > 0:
        wait_s = wait_s + error.retry_after_s
    if left_s > wait_s:
        return wait_s
    raise DeadlineExceededError("no time left", retry_after_s=error.retry_after_s)


#| exercise: m01-06-ex4
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
        loop = asyncio.get_running_loop()
        work = asyncio.ensure_future(call.make(attempt))
        try:
            done, _ = await asyncio.wait({work}, timeout=call.deadline_at_s - loop.time())
        except asyncio.CancelledError:
            work.cancel()
            await asyncio.wait({work})
            raise
        if not done:
            work.cancel()
            await asyncio.wait({work})
            raise call.cut_off()
        result = work.result()
        self.budget.refund(call.spent)
        return result
