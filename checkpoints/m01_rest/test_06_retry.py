"""Lesson m01.06: what is tried again, what it may cost, and the deadline over all of it."""

import asyncio
import itertools
import math
import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from ingestion.errors import (
    AmbiguousError,
    CircuitOpenError,
    DeadlineExceededError,
    PermanentError,
    ThrottledError,
    TransientError,
)
from ingestion.resilience.retry import RetryBudget, RetryPolicy, final_error, next_wait_s
from workbook import virtual_time
from workbook.grading import expect
from workbook.virtual_time import CLOCK, STARTED_AT


def _outcome(call: Callable[[], Any]) -> Any:
    """What *call* gives, or the error it ends with."""
    try:
        return call()
    except NotImplementedError:
        raise
    except BaseException as error:
        return error


def _name(outcome: Any) -> str:
    return f"{type(outcome).__name__}: {outcome}" if isinstance(outcome, BaseException) else repr(outcome)


def test_ex1_a_retry_costs_what_it_costs(rng: random.Random) -> None:
    """A retry takes its cost, a retry after a time-out the higher one, and each says what it took."""
    retry_cost, timeout_cost = rng.randrange(2, 9), rng.randrange(10, 20)
    budget = RetryBudget(1_000, retry_cost=retry_cost, timeout_cost=timeout_cost)
    for timed_out, cost in ((False, retry_cost), (True, timeout_cost), (False, retry_cost)):
        before = budget.tokens
        came = budget.try_spend(timed_out=timed_out)
        expect(
            came == cost and not isinstance(came, bool),
            expected=f"{cost}, the cost of a retry{' after a time-out' if timed_out else ''}, as the answer",
            came=came,
            look_at="what refund() is given later",
            hint=2,
        )
        expect(
            before - budget.tokens == cost,
            expected=f"{cost} tokens fewer",
            came=f"{before - budget.tokens} fewer",
            look_at="self.tokens",
            hint=2,
        )


def test_ex1_what_it_cannot_pay_it_does_not_take(rng: random.Random) -> None:
    """Where there is too little left, the answer is 0 and nothing is taken."""
    cost = rng.randrange(5, 50)
    left = rng.randrange(1, cost)
    budget = RetryBudget(left, retry_cost=cost, timeout_cost=cost)
    came = [budget.try_spend(), budget.try_spend(timed_out=True), budget.tokens]
    expect(
        came == [0, 0, left],
        expected=f"0 for a retry of {cost} with {left} left, and {left} left afterwards",
        came=came,
        look_at="the last few tokens",
        hint=2,
    )


def test_ex1_the_last_retry_that_can_be_paid(rng: random.Random) -> None:
    """Exactly `tokens // cost` retries are granted to an upstream that stays down."""
    cost, granted = rng.randrange(2, 9), rng.randrange(5, 40)
    for rest in (0, rng.randrange(1, cost)):
        budget = RetryBudget(cost * granted + rest, retry_cost=cost)
        came = sum(budget.try_spend() > 0 for _ in range(200))
        expect(
            came == granted,
            expected=f"{granted} retries of {cost} out of {cost * granted + rest} tokens",
            came=f"{came} retries",
            look_at="a purse that holds exactly the cost",
            hint=2,
        )


def test_ex1_after_every_retry_something_is_known(rng: random.Random) -> None:
    """Over any history the purse holds what was not spent, never less than 0."""
    budget, left = RetryBudget(100), 100
    for _ in range(300):
        if rng.random() < 0.4:
            spent = rng.choice([0, 5, 10])
            budget.refund(spent)
            left = min(100, left + max(1, spent))
            continue
        timed_out = rng.random() < 0.5
        cost = 10 if timed_out else 5
        wanted = cost if cost <= left else 0
        left -= wanted
        came = budget.try_spend(timed_out=timed_out)
        expect(
            (came, budget.tokens) == (wanted, left),
            expected=f"{wanted} spent and {left} left",
            came=f"{came} spent and {budget.tokens} left",
            look_at="what is compared with what",
            hint=2,
        )


def _final(error: TransientError, *, repeatable: bool, max_wait_s: float = 30.0) -> Any:
    try:
        return final_error(error, repeatable=repeatable, max_wait_s=max_wait_s, now=lambda: STARTED_AT)
    except NotImplementedError:
        raise
    except Exception as raised:
        return expect(
            False,
            expected="an error that is returned, or None",
            came=f"{_name(raised)}, which was raised",
            look_at="`return` or `raise`",
            hint=3,
        )


def test_ex2_what_may_pass_is_tried_again(rng: random.Random) -> None:
    """A repeatable call goes on after every passing failure that asks for no long wait."""
    max_wait_s = rng.uniform(10, 60)
    came = _final(ThrottledError("429", retry_after_s=44.0), repeatable=True, max_wait_s=45.0)
    expect(came is None, expected="None for 44 s of at most 45", came=_name(came), look_at="max_wait_s", hint=2)
    for error in (
        TransientError("503"),
        TransientError("reset", timed_out=True),
        ThrottledError("429"),
        ThrottledError("429", retry_after_s=rng.uniform(0.1, max_wait_s)),
        ThrottledError("429", retry_after_s=max_wait_s),
        ThrottledError("429", retry_after_s=0.0),
    ):
        came = _final(error, repeatable=True, max_wait_s=max_wait_s)
        expect(
            came is None,
            expected=f"None for {_name(error)}, asking for {error.retry_after_s} s of at most {max_wait_s:.1f}",
            came=_name(came),
            look_at="the chart, from top to bottom",
            hint=2,
        )


@pytest.mark.parametrize("repeatable", [True, False])
def test_ex2_open_circuits_and_deadlines_end_it(repeatable: bool, rng: random.Random) -> None:
    """An open circuit and a deadline end the call with that very error, however long the wait."""
    for error in (
        CircuitOpenError("open", retry_after_s=rng.uniform(0.1, 20)),
        CircuitOpenError("open", retry_after_s=3_600),
        DeadlineExceededError("late"),
        DeadlineExceededError("late", retry_after_s=3_600),
    ):
        came = _final(error, repeatable=repeatable)
        expect(
            came is error,
            expected=f"the same {_name(error)}",
            came=_name(came),
            look_at="the first question of the chart",
            hint=2,
        )


@pytest.mark.parametrize("repeatable", [True, False])
def test_ex2_a_long_wait_is_handed_on(repeatable: bool, rng: random.Random) -> None:
    """A server that asks for more than we may wait gets its way, and the error says until when."""
    max_wait_s = rng.uniform(1, 60)
    asked_s = max_wait_s + rng.uniform(1, 5_000)
    for error in (ThrottledError("429", retry_after_s=asked_s), TransientError("503", retry_after_s=asked_s)):
        came = _final(error, repeatable=repeatable, max_wait_s=max_wait_s)
        expect(
            isinstance(came, ThrottledError) and came.retry_after_s == asked_s,
            expected=f"a ThrottledError with retry_after_s={asked_s:.1f} (we may wait {max_wait_s:.1f})",
            came=_name(came),
            look_at="who decides how long is too long",
            hint=2,
        )
        earliest = STARTED_AT + timedelta(seconds=asked_s)
        expect(
            came.not_before is not None and earliest <= came.not_before <= earliest + timedelta(seconds=2),
            expected=f"not_before {asked_s:.0f} s after {STARTED_AT:%H:%M:%S}",
            came=str(came.not_before),
            look_at="`not_before(...)` from lesson 05, with the `now` that came in",
            hint=2,
        )


@pytest.mark.parametrize("asked_s", [1e23, math.inf])
def test_ex2_a_hostile_wait_does_not_overflow(asked_s: float) -> None:
    """A wait beyond the calendar still is a ThrottledError."""
    came = _final(ThrottledError("429", retry_after_s=asked_s), repeatable=True)
    expect(
        isinstance(came, ThrottledError) and came.not_before is not None,
        expected=f"a ThrottledError with not_before for {asked_s} s",
        came=_name(came),
        look_at="`not_before(...)` from lesson 05",
        hint=2,
    )


def test_ex2_what_never_left_may_be_sent() -> None:
    """An unsafe call that certainly was not sent is tried again."""
    for error in (
        TransientError("refused", request_sent=False),
        TransientError("no free connection", request_sent=False),
    ):
        came = _final(error, repeatable=False)
        expect(
            came is None,
            expected=f"None for a POST that was never sent ({error})",
            came=_name(came),
            look_at="request_sent",
            hint=1,
        )


def test_ex2_what_may_have_worked_is_ambiguous() -> None:
    """An unsafe call that may have taken effect ends as AmbiguousError."""
    for error in (TransientError("reset"), TransientError("503"), TransientError("slow", timed_out=True)):
        came = _final(error, repeatable=False)
        expect(
            isinstance(came, AmbiguousError),
            expected=f"an AmbiguousError for a POST that ended with {error!r} after it was sent",
            came=_name(came),
            look_at="who may have bought twice",
            hint=1,
        )


def test_ex2_a_refusal_is_not_ambiguous() -> None:
    """An unsafe call that the server turned away ends with that very error."""
    for error in (ThrottledError("429", retry_after_s=2.0), ThrottledError("429")):
        came = _final(error, repeatable=False)
        expect(
            came is error,
            expected="the same ThrottledError for a POST that was turned away",
            came=_name(came),
            look_at="the last question of the chart",
            hint=2,
        )


def test_ex3_the_floor_and_jitter_on_top(rng: random.Random) -> None:
    """The wait is what the server asked for plus the backoff."""
    for _ in range(20):
        asked_s, backoff_s = rng.uniform(0.1, 30), rng.uniform(0, 20)
        error = ThrottledError("429", retry_after_s=asked_s)
        came = _outcome(lambda error=error, backoff_s=backoff_s: next_wait_s(error, backoff_s=backoff_s, left_s=1_000))
        expect(
            came == pytest.approx(asked_s + backoff_s),
            expected=f"{asked_s + backoff_s:.2f} s (asked for {asked_s:.2f}, backoff {backoff_s:.2f})",
            came=_name(came),
            look_at="everyone who was turned away in the same second",
            hint=2,
        )


def test_ex3_nothing_asked(rng: random.Random) -> None:
    """Without a wait that makes sense, the backoff alone is waited."""
    for asked_s in (None, 0.0, -5.0):
        backoff_s = rng.uniform(0, 20)
        error = ThrottledError("429", retry_after_s=asked_s)
        came = _outcome(lambda error=error, backoff_s=backoff_s: next_wait_s(error, backoff_s=backoff_s, left_s=1_000))
        expect(
            came == pytest.approx(backoff_s),
            expected=f"{backoff_s:.2f} s, the backoff, when the server asks for {asked_s}",
            came=_name(came),
            look_at="retry_after_s when it is None",
            hint=2,
        )


def test_ex3_no_wait_past_the_deadline(rng: random.Random) -> None:
    """A wait that would end at the deadline or later is not begun."""
    for _ in range(20):
        asked_s, backoff_s = rng.choice([None, float(rng.randrange(1, 30))]), float(rng.randrange(1, 20))
        whole_s = (asked_s or 0) + backoff_s
        error = ThrottledError("429", retry_after_s=asked_s)
        for left_s in (whole_s, whole_s - 0.5, 0.0, -3.0):
            came = _outcome(
                lambda left_s=left_s, error=error, backoff_s=backoff_s: next_wait_s(
                    error, backoff_s=backoff_s, left_s=left_s
                )
            )
            expect(
                isinstance(came, DeadlineExceededError),
                expected=f"a DeadlineExceededError for a wait of {whole_s} s with {left_s} s left",
                came=_name(came),
                look_at="what could still come after that wait",
                hint=2,
            )
            expect(
                came.retry_after_s == asked_s,
                expected=f"retry_after_s={asked_s}, the server's own, on that error",
                came=came.retry_after_s,
                look_at="what the caller needs to know",
                hint=2,
            )
        came = _outcome(
            lambda error=error, backoff_s=backoff_s, whole_s=whole_s: next_wait_s(
                error, backoff_s=backoff_s, left_s=whole_s + 0.5
            )
        )
        expect(
            came == pytest.approx(whole_s),
            expected=f"{whole_s} s, which ends half a second before the deadline",
            came=_name(came),
            hint=2,
        )


class _Upstream:
    """Plays a script: raises errors, sleeps floats of seconds, returns the rest; keeps when each attempt began.

    What slept and was cancelled stands in `cancelled_at_s`.
    """

    def __init__(self, *script: object) -> None:
        self.script = script
        self.at_s: list[float] = []
        self.cancelled_at_s: list[float] = []

    async def attempt(self) -> object:
        self.at_s.append(CLOCK.time_s())
        step = self.script[min(len(self.at_s), len(self.script)) - 1]
        if isinstance(step, BaseException):
            raise step
        if isinstance(step, float):
            try:
                await asyncio.sleep(step)
            except asyncio.CancelledError:
                self.cancelled_at_s.append(CLOCK.time_s())
                raise
        return step


def _run(policy: RetryPolicy, upstream: _Upstream, *, repeatable: bool = True) -> tuple[Any, float]:
    """Make one call in virtual time: its outcome, and how long it took."""

    async def call() -> tuple[Any, float]:
        try:
            return await policy.run(upstream.attempt, repeatable=repeatable), CLOCK.time_s()
        except NotImplementedError:
            raise
        except Exception as error:
            return error, CLOCK.time_s()

    return virtual_time.run(call())


@pytest.mark.parametrize("answer", [None, 0, "", []], ids=repr)
def test_ex4_an_empty_answer_is_an_answer(answer: object) -> None:
    """What an attempt gives is given back, also when it is nothing."""
    upstream = _Upstream(TransientError("503"), answer)
    came, _ = _run(RetryPolicy(), upstream)
    expect(
        came is answer and len(upstream.at_s) == 2,
        expected=f"{answer!r} after one failure",
        came=f"{_name(came)} after {len(upstream.at_s)} attempts",
        look_at="how you tell that there is a result",
        hint=3,
    )


def test_ex4_a_failure_that_passes_is_survived(rng: random.Random) -> None:
    """The answer comes, whatever failed before it."""
    failures = rng.randrange(0, 5)
    answer = f"answer {rng.randrange(10**6)}"
    upstream = _Upstream(*[TransientError("503")] * failures, answer)
    came, _ = _run(RetryPolicy(uniform=rng.uniform), upstream)
    expect(
        came == answer,
        expected=f"{answer!r} after {failures} failures",
        came=_name(came),
        look_at="what run() returns",
        hint=3,
    )


def test_ex4_the_deadline_cuts_an_attempt_off(rng: random.Random) -> None:
    """An attempt still under way at the deadline ends there, as DeadlineExceededError."""
    deadline_s = float(rng.randrange(5, 50))
    upstream = _Upstream(1e6)
    came, took_s = _run(RetryPolicy(deadline_s=deadline_s), upstream)
    expect(
        isinstance(came, DeadlineExceededError),
        expected=f"a DeadlineExceededError from an attempt that hangs, deadline {deadline_s} s",
        came=_name(came),
        look_at="call.cut_off()",
        hint=3,
    )
    expect(
        took_s == pytest.approx(deadline_s),
        expected=f"to be over after {deadline_s} s",
        came=f"{took_s} s",
        look_at="what the timeout is around",
        hint=3,
    )
    expect(
        upstream.cancelled_at_s == [pytest.approx(deadline_s)] and took_s >= upstream.cancelled_at_s[0],
        expected=f"the attempt to be cancelled at {deadline_s} s",
        came=f"cancelled at {upstream.cancelled_at_s}, the call over at {took_s} s",
        look_at="who still talks to the server after you have given up",
        hint=3,
    )


def test_ex4_one_deadline_for_all_attempts(rng: random.Random) -> None:
    """Slow attempts and the waits between them share one deadline."""

    class Slow(_Upstream):
        async def attempt(self) -> object:
            self.at_s.append(CLOCK.time_s())
            await asyncio.sleep(7)
            raise TransientError("slow")

    deadline_s = float(rng.randrange(15, 34))
    came, took_s = _run(RetryPolicy(deadline_s=deadline_s, max_attempts=50, uniform=lambda low, _: low), Slow())
    expect(
        isinstance(came, DeadlineExceededError) and took_s == pytest.approx(deadline_s),
        expected=f"a DeadlineExceededError after {deadline_s} s, from attempts of 7 s each",
        came=f"{_name(came)} after {took_s} s",
        look_at="where the deadline begins: with the call, or with each attempt",
        hint=3,
    )


def test_ex4_an_unsafe_call_cut_off_is_ambiguous() -> None:
    """The deadline of a call that may not be repeated leaves its outcome open."""
    came, _ = _run(RetryPolicy(deadline_s=5), _Upstream(1e6), repeatable=False)
    expect(
        isinstance(came, AmbiguousError),
        expected="an AmbiguousError from a POST that the deadline cut off",
        came=_name(came),
        look_at="call.cut_off()",
        hint=3,
    )


def test_ex4_an_attempts_own_timeout_is_its_own(rng: random.Random) -> None:
    """A TimeoutError that the attempt raises itself passes through as it is, at once."""
    own = TimeoutError(f"own {rng.randrange(10**6)}")
    upstream = _Upstream(own)
    came, took_s = _run(RetryPolicy(), upstream)
    expect(
        came is own and len(upstream.at_s) == 1 and took_s == 0,
        expected="the attempt's own TimeoutError, at once",
        came=f"{_name(came)} after {len(upstream.at_s)} attempts",
        look_at="deadline.expired()",
        hint=3,
    )


def test_ex4_anything_else_passes_through() -> None:
    """What is not transient is neither repeated nor changed."""
    for error in (PermanentError("404", status_code=404), KeyError("bug"), AmbiguousError("inner")):
        upstream = _Upstream(error)
        came, _ = _run(RetryPolicy(), upstream)
        expect(
            came is error and len(upstream.at_s) == 1,
            expected=f"the same {_name(error)} after one attempt",
            came=f"{_name(came)} after {len(upstream.at_s)} attempts",
            look_at="what is caught",
            hint=3,
        )


def test_ex4_cancellation_is_an_order(rng: random.Random) -> None:
    """A call cancelled from outside ends as cancelled: at once, not repeated, at no cost."""
    upstream, budget, after_s = _Upstream(50.0), RetryBudget(), float(rng.randrange(1, 40))

    async def cancelled() -> tuple[str, float, list[float]]:
        task = asyncio.create_task(RetryPolicy(budget=budget).run(upstream.attempt))
        await asyncio.sleep(after_s)
        task.cancel()
        try:
            return repr(await task), CLOCK.time_s(), list(upstream.cancelled_at_s)
        except NotImplementedError:
            raise
        except BaseException as error:
            return type(error).__name__, CLOCK.time_s(), list(upstream.cancelled_at_s)

    came, took_s, attempts_cancelled_at_s = virtual_time.run(cancelled())
    expect(
        (came, took_s, len(upstream.at_s), budget.tokens) == ("CancelledError", after_s, 1, 500),
        expected=f"CancelledError at once ({after_s} s), one attempt, 500 tokens left",
        came=f"{came} after {took_s} s, {len(upstream.at_s)} attempts, {budget.tokens} tokens left",
        look_at="what is caught",
        hint=3,
    )
    expect(
        attempts_cancelled_at_s == [after_s],
        expected="the attempt to be cancelled with the call, before the call is over",
        came=f"attempts cancelled by then at: {attempts_cancelled_at_s}",
        look_at="who still talks to the server after the caller has given up",
        hint=3,
    )


def test_ex4_success_gives_back(rng: random.Random) -> None:
    """A success refunds its last retry, or one token if it needed none."""
    budget = RetryBudget(100)
    policy = RetryPolicy(budget=budget, uniform=rng.uniform)
    budget.tokens = 50
    for script, left in (
        (["answer"], 51),
        ([TransientError("503"), "answer"], 51),
        ([TransientError("slow", timed_out=True), "answer"], 51),
        ([TransientError("503"), TransientError("503"), "answer"], 46),
    ):
        came, _ = _run(policy, _Upstream(*script))
        expect(
            budget.tokens == left,
            expected=f"{left} tokens after {len(script) - 1} failures and an answer",
            came=f"{budget.tokens} tokens ({_name(came)})",
            look_at="call.spent",
            hint=3,
        )


def test_ex4_failure_gives_nothing_back(rng: random.Random) -> None:
    """A call that fails in the end refunds nothing."""
    budget = RetryBudget(100)
    for script, left in (
        ([TransientError("503")], 80),
        ([PermanentError("404")], 80),
        ([TransientError("503"), PermanentError("404")], 75),
        ([TransientError("503"), 1e6], 70),
    ):
        _run(RetryPolicy(budget=budget, uniform=rng.uniform), _Upstream(*script))
        expect(
            budget.tokens == left,
            expected=f"{left} tokens after a call that failed: {script}",
            came=f"{budget.tokens} tokens",
            look_at="when refund() is called",
            hint=3,
        )


def test_ex4_a_hostile_history(rng: random.Random) -> None:
    """Over many hostile calls: attempts bounded, waits respected, the deadline kept, nothing unsafe done twice."""
    kinds: list[Callable[[], object]] = [
        lambda: TransientError("503"),
        lambda: TransientError("refused", request_sent=False),
        lambda: ThrottledError("429", retry_after_s=rng.choice([1, 5, 20, 45])),
        lambda: 80.0,
        lambda: "answer",
    ]
    for number in range(60):
        repeatable = bool(number % 2)
        upstream = _Upstream(*(rng.choice(kinds)() for _ in range(8)))
        came, took_s = _run(
            RetryPolicy(budget=RetryBudget(10_000), uniform=rng.uniform), upstream, repeatable=repeatable
        )
        history = list(zip(upstream.at_s, upstream.script, strict=False))
        asked = [
            (later_s - at_s, step.retry_after_s)
            for (at_s, step), (later_s, _) in itertools.pairwise(history)
            if isinstance(step, ThrottledError) and step.retry_after_s
        ]
        twice = [
            step
            for _, step in history[:-1]
            if not repeatable and not (isinstance(step, TransientError) and not step.request_sent)
        ]
        expect(
            len(history) <= 5 and took_s <= 60.001 and not twice and all(waited >= wait for waited, wait in asked),
            expected="at most 5 attempts and 60 s, every wait respected, nothing unsafe sent twice",
            came=f"{len(history)} attempts in {took_s:.1f} s, waits {asked}, sent twice after {twice}: {_name(came)}",
            look_at=f"the script {upstream.script}",
            hint=3,
        )
