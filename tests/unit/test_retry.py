"""What is tried again, after how long, and when it stops."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

import pytest

from ingestion.errors import (
    AmbiguousError,
    CircuitOpenError,
    CorruptError,
    DeadlineExceededError,
    PermanentError,
    ThrottledError,
    TransientError,
)
from ingestion.resilience.retry import RetryBudget, RetryPolicy
from workbook import virtual_time
from workbook.virtual_time import CLOCK, STARTED_AT


class Upstream:
    """Plays *script*: raises an error, sleeps a float of seconds, returns the rest; its last step repeats."""

    def __init__(self, *script: object) -> None:
        self.script = script
        self.called_at_s: list[float] = []

    async def __call__(self) -> object:
        self.called_at_s.append(CLOCK.time_s())
        step = self.script[min(len(self.called_at_s), len(self.script)) - 1]
        if isinstance(step, BaseException):
            raise step
        if isinstance(step, float):
            await asyncio.sleep(step)
        return step

    @property
    def calls(self) -> int:
        return len(self.called_at_s)


def highest(_: float, high: float) -> float:
    return high


def lowest(low: float, _: float) -> float:
    return low


def policy(
    *,
    max_attempts: int = 5,
    deadline_s: float = 60,
    max_wait_s: float = 30,
    budget: RetryBudget | None = None,
    uniform: Callable[[float, float], float] = highest,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> RetryPolicy:
    return RetryPolicy(
        max_attempts=max_attempts,
        deadline_s=deadline_s,
        max_wait_s=max_wait_s,
        budget=budget or RetryBudget(),
        uniform=uniform,
        sleep=sleep,
        now=CLOCK.now,
    )


def test_a_failure_that_passes_is_survived_with_doubling_waits() -> None:
    upstream = Upstream(TransientError("one"), TransientError("two"), TransientError("three"), "answer")
    assert virtual_time.run(policy().run(upstream)) == "answer"
    assert upstream.called_at_s == pytest.approx([0, 0.1, 0.3, 0.7])


def test_full_jitter_may_also_not_wait_at_all() -> None:
    upstream = Upstream(TransientError("one"), "answer")
    virtual_time.run(policy(uniform=lowest).run(upstream))
    assert upstream.called_at_s == [0, 0]


@pytest.mark.parametrize("attempts", [1, 2, 7])
def test_as_many_attempts_as_configured_then_the_last_error_itself(attempts: int) -> None:
    """B11."""
    upstream = Upstream(TransientError("down"))
    with pytest.raises(TransientError, match="down") as caught:
        virtual_time.run(policy(max_attempts=attempts).run(upstream))
    assert upstream.calls == attempts
    assert type(caught.value) is TransientError
    assert f"given up after {attempts} attempts" in caught.value.__notes__


@pytest.mark.parametrize(
    "error",
    [
        PermanentError("404"),
        CorruptError("html"),
        KeyError("bug"),
        CircuitOpenError("open", retry_after_s=1),
        DeadlineExceededError("inner"),
        AmbiguousError("inner"),
        TimeoutError("not ours"),
        ConnectionError("raw"),
    ],
)
def test_only_a_transient_error_is_repeated(error: Exception) -> None:
    """B7, C9: an open circuit costs neither a wait nor budget."""
    budget = RetryBudget()
    upstream = Upstream(error)
    with pytest.raises(type(error)) as caught:
        virtual_time.run(policy(budget=budget).run(upstream))
    assert caught.value is error
    assert upstream.called_at_s == [0]
    assert budget.tokens == 500


def test_cancellation_is_neither_repeated_nor_counted() -> None:
    """B6: from outside, while an attempt is under way, and while waiting."""

    async def cancelled_after(delay_s: float, upstream: Upstream) -> None:
        task = asyncio.create_task(policy(budget=budget).run(upstream))
        await asyncio.sleep(delay_s)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    budget = RetryBudget()
    busy, waiting = Upstream(50.0), Upstream(ThrottledError("wait", retry_after_s=20))
    virtual_time.run(cancelled_after(10, busy))
    assert (busy.calls, budget.tokens) == (1, 500)
    virtual_time.run(cancelled_after(10, waiting))
    assert waiting.calls == 1

    upstream = Upstream(asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        virtual_time.run(policy().run(upstream))
    assert upstream.calls == 1


class TestAskedToWait:
    @pytest.mark.parametrize("asked_s", [1.0, 7.5, 30.0])
    def test_waits_at_least_as_long_as_asked_plus_jitter(self, asked_s: float) -> None:
        """R4."""
        upstream = Upstream(ThrottledError("429", retry_after_s=asked_s), "answer")
        virtual_time.run(policy(uniform=highest).run(upstream))
        assert upstream.called_at_s == pytest.approx([0, asked_s + 0.1])
        upstream = Upstream(ThrottledError("429", retry_after_s=asked_s), "answer")
        virtual_time.run(policy(uniform=lowest).run(upstream))
        assert upstream.called_at_s == [0, asked_s]

    @pytest.mark.parametrize("asked_s", [30.5, 3_600.0, 1e23, math.inf])
    @pytest.mark.parametrize("repeatable", [True, False])
    @pytest.mark.parametrize("max_attempts", [1, 5])
    def test_too_long_a_wait_is_given_back_not_cut_short(
        self, asked_s: float, repeatable: bool, max_attempts: int
    ) -> None:
        """R5, R6."""
        upstream = Upstream("x", ThrottledError("429", retry_after_s=asked_s))
        with pytest.raises(ThrottledError) as caught:
            virtual_time.run(_second_call(policy(max_attempts=max_attempts), upstream, repeatable=repeatable))
        assert upstream.calls == 2
        assert caught.value.retry_after_s == asked_s
        assert caught.value.not_before is not None
        assert caught.value.not_before >= STARTED_AT + timedelta(seconds=min(asked_s, 1e10))

    @pytest.mark.parametrize("asked_s", [None, 0.0, -5.0])
    def test_a_wait_that_makes_no_sense_is_ignored(self, asked_s: float | None) -> None:
        """R3."""
        upstream = Upstream(ThrottledError("429", retry_after_s=asked_s), "answer")
        virtual_time.run(policy().run(upstream))
        assert upstream.called_at_s == [0, 0.1]


async def _second_call(retry: RetryPolicy, upstream: Upstream, *, repeatable: bool) -> None:
    await retry.run(upstream, repeatable=repeatable)
    await retry.run(upstream, repeatable=repeatable)


class TestDeadline:
    """B3."""

    def test_an_attempt_is_cut_off_at_the_deadline(self) -> None:
        async def main() -> float:
            with pytest.raises(DeadlineExceededError, match="60 s") as caught:
                await policy().run(Upstream(1e6))
            assert caught.value.timed_out
            return CLOCK.time_s()

        assert virtual_time.run(main()) == 60

    def test_it_covers_all_attempts_and_waits_together(self) -> None:
        async def slow_failure() -> None:
            await asyncio.sleep(7)
            raise TransientError("slow", timed_out=True)

        async def main() -> float:
            with pytest.raises(DeadlineExceededError):
                await policy(max_attempts=1_000, deadline_s=20).run(slow_failure)
            return CLOCK.time_s()

        assert virtual_time.run(main()) == 20

    def test_a_wait_past_the_deadline_is_not_begun(self) -> None:
        async def main() -> float:
            with pytest.raises(DeadlineExceededError) as caught:
                await policy(deadline_s=20).run(Upstream(ThrottledError("429", retry_after_s=25)))
            assert caught.value.retry_after_s == 25
            assert isinstance(caught.value.__cause__, ThrottledError)
            return CLOCK.time_s()

        assert virtual_time.run(main()) == 0

    def test_a_timeout_of_the_attempts_own_is_not_the_deadline(self) -> None:
        async def attempt() -> None:
            async with asyncio.timeout(1):
                await asyncio.sleep(2)

        with pytest.raises(TimeoutError) as caught:
            virtual_time.run(policy().run(attempt))
        assert not isinstance(caught.value, DeadlineExceededError)

    def test_a_cancellation_from_outside_beats_the_deadline(self) -> None:
        async def main() -> None:
            with pytest.raises(TimeoutError) as caught:
                async with asyncio.timeout(10):
                    await policy(deadline_s=20).run(Upstream(1e6))
            assert not isinstance(caught.value, DeadlineExceededError)

        virtual_time.run(main())


class TestUnsafeCalls:
    """B8."""

    def test_what_was_never_sent_is_repeated(self) -> None:
        upstream = Upstream(TransientError("refused", request_sent=False), "answer")
        assert virtual_time.run(policy().run(upstream, repeatable=False)) == "answer"
        assert upstream.calls == 2

    def test_what_may_have_been_done_is_ambiguous(self) -> None:
        upstream = Upstream(TransientError("reset"), "answer")
        with pytest.raises(AmbiguousError, match="may or may not") as caught:
            virtual_time.run(policy().run(upstream, repeatable=False))
        assert upstream.calls == 1
        assert isinstance(caught.value.__cause__, TransientError)

    def test_being_cut_off_by_the_deadline_is_ambiguous(self) -> None:
        with pytest.raises(AmbiguousError, match="may or may not"):
            virtual_time.run(policy().run(Upstream(1e6), repeatable=False))

    def test_a_refusal_is_not_ambiguous_and_not_repeated(self) -> None:
        upstream = Upstream(ThrottledError("429", retry_after_s=1), "answer")
        with pytest.raises(ThrottledError):
            virtual_time.run(policy().run(upstream, repeatable=False))
        assert upstream.calls == 1


class TestBudget:
    """B5."""

    @pytest.mark.parametrize(("timed_out", "retries"), [(False, 100), (True, 50)])
    def test_a_thousand_calls_to_a_dead_upstream(self, timed_out: bool, retries: int) -> None:
        async def main() -> None:
            shared = policy(budget=RetryBudget())
            outcomes = await asyncio.gather(*(shared.run(dead) for _ in range(1_000)), return_exceptions=True)
            assert {type(outcome) for outcome in outcomes} == {TransientError}

        dead = Upstream(TransientError("down", timed_out=timed_out))
        virtual_time.run(main())
        assert dead.calls == 1_000 + retries

    def test_success_gives_back_what_the_retry_cost(self) -> None:
        budget = RetryBudget(20)
        for _ in range(100):
            flaky = Upstream(TransientError("once"), "answer")
            assert virtual_time.run(policy(budget=budget).run(flaky)) == "answer"
        assert budget.tokens == 20

    def test_it_heals_one_token_a_success_and_never_above_the_start(self) -> None:
        budget = RetryBudget(10, retry_cost=5)
        assert [budget.try_spend(), budget.try_spend(), budget.try_spend()] == [5, 5, 0]
        assert budget.tokens == 0
        for _ in range(7):
            virtual_time.run(policy(budget=budget).run(Upstream("answer")))
        assert budget.tokens == 7
        budget.refund(100)
        assert budget.tokens == 10

    def test_a_refused_retry_takes_nothing(self) -> None:
        budget = RetryBudget(9, retry_cost=5, timeout_cost=10)
        assert (budget.try_spend(timed_out=True), budget.tokens) == (0, 9)

    def test_budgets_of_two_policies_are_apart(self) -> None:
        assert RetryPolicy().budget is not RetryPolicy().budget

    def test_an_empty_budget_says_so(self) -> None:
        with pytest.raises(TransientError) as caught:
            virtual_time.run(policy(budget=RetryBudget(1)).run(Upstream(TransientError("down"))))
        assert any("budget" in note for note in caught.value.__notes__)

    @pytest.mark.parametrize("numbers", [(0, 5, 10), (500, 0, 10), (500, 5, -1)])
    def test_nonsense_is_refused(self, numbers: tuple[int, int, int]) -> None:
        with pytest.raises(ValueError, match="want tokens"):
            RetryBudget(numbers[0], retry_cost=numbers[1], timeout_cost=numbers[2])


@pytest.mark.parametrize(
    "wrong", [{"max_attempts": 0}, {"deadline_s": 0}, {"deadline_s": math.nan}, {"max_wait_s": -1}]
)
def test_a_policy_of_nonsense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="want max_attempts"):
        RetryPolicy(**wrong)  # type: ignore[arg-type]


def test_each_wait_is_told_before_it_begins() -> None:
    told: list[tuple[str, float]] = []
    upstream = Upstream(TransientError("one"), ThrottledError("two", retry_after_s=3), "answer")
    virtual_time.run(policy().run(upstream, on_retry=lambda error, wait_s: told.append((str(error), wait_s))))
    assert told == [("one", pytest.approx(0.1)), ("two", pytest.approx(3.2))]


def test_sleep_can_be_replaced() -> None:
    slept: list[float] = []

    async def sleep(delay_s: float) -> None:
        slept.append(delay_s)

    upstream = Upstream(TransientError("one"), TransientError("two"), "answer")
    virtual_time.run(policy(sleep=sleep).run(upstream))
    assert slept == pytest.approx([0.1, 0.2])


def test_concurrent_calls_under_one_policy_do_not_mix() -> None:
    async def main() -> list[object]:
        shared = policy(budget=RetryBudget(5_000))
        return await asyncio.gather(*(shared.run(Upstream(*[TransientError(f"{n}")] * (n % 4), n)) for n in range(200)))

    assert virtual_time.run(main()) == list(range(200))


def test_anything_that_gives_an_awaitable_is_an_attempt() -> None:
    """A lambda, a partial and a plain function are awaited like a coroutine function."""

    async def answer(text: str) -> str:
        return text

    def plain() -> Awaitable[str]:
        return answer("plain")

    for attempt in (lambda: answer("lambda"), partial(answer, "partial"), plain):
        assert virtual_time.run(policy().run(attempt)) in ("lambda", "partial", "plain")
