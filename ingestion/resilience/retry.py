# Made from solutions/m01_rest/06_retry.ipynb: edit it there.
"""Trying again: what deserves it, after how long, how often, and when a whole upstream has had enough of it."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from ingestion.errors import AmbiguousError, CircuitOpenError, DeadlineExceededError, ThrottledError, TransientError
from ingestion.resilience.backoff import Uniform, full_jitter_s
from ingestion.resilience.retry_after import Now, not_before, utc_now

__all__ = ["Attempt", "OnRetry", "RetryBudget", "RetryPolicy", "T", "final_error", "next_wait_s"]


T = TypeVar("T")

Attempt = Callable[[], Awaitable[T]]
OnRetry = Callable[[TransientError, float], None]


class RetryBudget:
    """The retries that one upstream may cost us, shared by every call to it.

    Each retry takes tokens, each success gives some back. While most calls succeed nothing is ever refused; when the
    upstream is down, retries stop after the first `tokens / retry_cost`, and from then on each call costs it one
    request instead of five.

    Source:
        The standard retry mode of the AWS SDKs; the constants are those from before its revision of 2026.
    """

    def __init__(self, tokens: int = 500, *, retry_cost: int = 5, timeout_cost: int = 10) -> None:
        if min(tokens, retry_cost, timeout_cost) < 1:
            raise ValueError(f"want tokens and costs of 1 or more, not {tokens=}, {retry_cost=}, {timeout_cost=}")
        self.tokens = self._full = tokens
        self._retry_cost = retry_cost
        self._timeout_cost = timeout_cost

    def try_spend(self, *, timed_out: bool = False) -> int:
        """Pay for one retry and give what it cost; or give 0, having taken nothing, when there is not enough left.

        A retry after a time-out costs more: the upstream may still be busy with the attempt that we gave up on.
        """
        cost = self._timeout_cost if timed_out else self._retry_cost
        if cost > self.tokens:
            return 0
        self.tokens -= cost
        return cost

    def refund(self, spent: int) -> None:
        """Give back what the retry that succeeded had cost, or 1 for a call that needed none; never above the start."""
        self.tokens = min(self._full, self.tokens + max(1, spent))


def final_error(
    error: TransientError, *, repeatable: bool, max_wait_s: float = 30.0, now: Now = utc_now
) -> Exception | None:
    """Give the error that ends a call at once, or None when another attempt is in order.

    - A call that an open circuit refused, or whose deadline has passed, ends with that error.
    - A server that asks for more than *max_wait_s* gets its way: `ThrottledError`, and its `not_before` says when.
    - What is not *repeatable* and may have been sent ends too. A server that asked for patience has refused it, so
      that error stays as it is; after any other the caller has to know that the outcome is open: `AmbiguousError`.
    """
    if isinstance(error, CircuitOpenError | DeadlineExceededError):
        return error
    asked_s = error.retry_after_s or 0.0
    if asked_s > max_wait_s:
        until = not_before(asked_s, now=now)
        message = f"{error}; nothing may be sent before {until:%Y-%m-%d %H:%M:%S %Z}"
        return ThrottledError(message, retry_after_s=asked_s, not_before=until)
    if repeatable or not error.request_sent:
        return None
    if isinstance(error, ThrottledError):
        return error
    return AmbiguousError(f"{error}; the request may or may not have taken effect")


def next_wait_s(error: TransientError, *, backoff_s: float, left_s: float) -> float:
    """Give the seconds to wait before the next attempt: what the server asked for, and *backoff_s* on top.

    Raises:
        DeadlineExceededError: the wait would not end before the deadline, which is *left_s* seconds away. It carries
            the server's own `retry_after_s`.
    """
    wait_s = max(0.0, error.retry_after_s or 0.0) + backoff_s
    if wait_s >= left_s:
        message = f"{error}; the next attempt is {wait_s:.1f} s away, the deadline {left_s:.1f} s"
        raise DeadlineExceededError(message, retry_after_s=error.retry_after_s)
    return wait_s


@dataclass
class _Call:
    """One call's way through its attempts."""

    policy: "RetryPolicy"
    repeatable: bool
    on_retry: OnRetry | None
    deadline_at_s: float
    spent: int = 0

    async def make(self, attempt: Attempt[T]) -> T:
        """Await attempt after attempt; tenacity is the loop, `wait_s` every decision."""

        async def once() -> T:  # tenacity awaits only coroutine functions; *attempt* may be a lambda
            return await attempt()

        retry = retry_if_exception_type(TransientError)
        result: T = await AsyncRetrying(retry=retry, wait=self.wait_s, sleep=self.policy.sleep)(once)
        return result

    def wait_s(self, state: RetryCallState) -> float:
        """Give the wait before the next attempt, or raise what the caller is to see instead of one."""
        policy, error = self.policy, state.outcome.exception() if state.outcome else None
        assert isinstance(error, TransientError)
        final = final_error(error, repeatable=self.repeatable, max_wait_s=policy.max_wait_s, now=policy.now)
        if final is error:
            raise error
        if final is not None:
            raise final from error
        if state.attempt_number >= policy.max_attempts:
            error.add_note(f"given up after {state.attempt_number} attempts")
            raise error
        backoff_s = full_jitter_s(
            state.attempt_number - 1, base_s=policy.base_s, cap_s=policy.cap_s, uniform=policy.uniform
        )
        left_s = self.deadline_at_s - asyncio.get_running_loop().time()
        try:
            wait_s = next_wait_s(error, backoff_s=backoff_s, left_s=left_s)
        except DeadlineExceededError as too_late:
            raise too_late from error
        self.spent = policy.budget.try_spend(timed_out=error.timed_out)
        if not self.spent:
            error.add_note("not repeated: too many calls to this upstream fail, its retry budget is used up")
            raise error
        if self.on_retry:
            self.on_retry(error, wait_s)
        return wait_s

    def cut_off(self) -> AmbiguousError | DeadlineExceededError:
        """Say what it means that the deadline fell into an attempt."""
        message = f"no answer within the deadline of {self.policy.deadline_s:g} s"
        if self.repeatable:
            return DeadlineExceededError(message, timed_out=True)
        return AmbiguousError(f"{message}; the request may or may not have taken effect")


@dataclass(frozen=True)
class RetryPolicy:
    """How one upstream's calls are repeated. Share one object among all of them: the budget is in it.

    Attributes:
        max_attempts: Attempts a call, the first included.
        deadline_s: What a call may take in all: waiting in line, connecting, reading, and the sleeps between.
        max_wait_s: The longest wait that a server may ask for and get; beyond it the call is given up.
        base_s: Ceiling of the first backoff; doubled with each attempt.
        cap_s: Highest ceiling.
    """

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
        """Await `attempt()` until it succeeds or is not worth repeating, and give its result.

        Only a `TransientError` is repeated; anything else, cancellation above all, passes straight through and costs
        nothing. The wait is what the server asked for plus full jitter, never less. An attempt still under way at
        the deadline is cancelled there, and no wait is begun that would end after it.

        Args:
            attempt: Makes one attempt from the beginning, the reading of the answer included.
            repeatable: False when doing it twice does harm; then only what was certainly never sent is repeated.
            on_retry: Told the error and the wait in seconds, before each wait.

        Raises:
            ThrottledError: the server asks for more than `max_wait_s`; `not_before` says when to come back.
            AmbiguousError: not repeatable, and cut off when it may have taken effect.
            DeadlineExceededError: the deadline has passed, or would pass while waiting.
            TransientError: attempts or budget are used up; the last attempt's own error.
        """
        call = _Call(self, repeatable, on_retry, asyncio.get_running_loop().time() + self.deadline_s)
        deadline = asyncio.timeout_at(call.deadline_at_s)
        try:
            async with deadline:
                result = await call.make(attempt)
        except TimeoutError as error:
            if not deadline.expired():
                raise
            raise call.cut_off() from error
        self.budget.refund(call.spent)
        return result
