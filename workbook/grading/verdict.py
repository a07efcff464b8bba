"""What is known about an answer after checking it, and how it reads."""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from textwrap import fill
from typing import Any

WIDTH = 110


class State(StrEnum):
    """The four answers, never confused."""

    PASSED = "passed"
    NOT_YET = "not yet"
    NOT_STARTED = "not started"
    BLOCKED = "blocked"


@dataclass(frozen=True)
class Outcome:
    """One test of a checkpoint: how it went and, if it did not pass, why."""

    test: str
    state: State
    expected: str = ""
    came: str = ""
    look_at: str = ""
    hint: int | None = None

    @property
    def exercise(self) -> str:
        """The exercise it belongs to (`ex1`), from its name `test_ex1_...`; empty for the whole lesson."""
        part = self.test.split("_")[1] if self.test.count("_") else ""
        return part if part.startswith("ex") and part[2:].isdigit() else ""

    @property
    def waits_for(self) -> str:
        """The exercise whose stub was met, if it is not started: its own or, as often, one that it builds on."""
        return self.came.rpartition("-")[2] or self.exercise


@dataclass(frozen=True)
class Verdict:
    """What checking one lesson's answer found."""

    lesson: str
    state: State
    outcomes: tuple[Outcome, ...] = ()
    note: str = ""
    seed: int | None = None
    points: int = field(default=0)

    @property
    def passed(self) -> int:
        """How many tests passed."""
        return sum(outcome.state is State.PASSED for outcome in self.outcomes)

    @property
    def first_failing(self) -> Outcome | None:
        """The outcome to show: the first that failed, else the first that is not started or blocked."""
        for state in (State.NOT_YET, State.BLOCKED, State.NOT_STARTED):
            for outcome in self.outcomes:
                if outcome.state is state:
                    return outcome
        return None

    def line(self) -> str:
        """One line: lesson, state, count and the first reason."""
        count = f"{self.passed} of {len(self.outcomes)}" if self.outcomes else ""
        reason = self.note
        failing = self.first_failing
        if not reason and failing and self.state is not State.NOT_STARTED:
            reason = f"expected {failing.expected}; came {failing.came}" if failing.expected else failing.came
        return f"{self.lesson}  {self.state:<11}  {count:<8}  {reason}".rstrip()

    def text(self) -> str:
        """The whole answer for a learner: the line, then what was expected, what came, where to look."""
        count = f"   {self.passed} of {len(self.outcomes)}" if self.outcomes else ""
        lines = [f"{self.lesson}  {self.state}{count}{'   ' + self.note if self.note else ''}"]
        failing = self.first_failing
        if failing and self.state in (State.NOT_YET, State.BLOCKED):
            hint = f"  (hint {failing.hint} fits)" if failing.hint else ""
            for label, words in (
                ("expected", failing.expected),
                ("came", failing.came),
                ("look at", failing.look_at + hint),
            ):
                if words.strip():
                    lines.append(
                        fill(words.strip(), WIDTH, initial_indent=f"  {label:<9} ", subsequent_indent=" " * 12)
                    )
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


def judge(
    lesson: str, outcomes: tuple[Outcome, ...], *, seed: int | None = None, note: str = "", points: int = 10
) -> Verdict:
    """Sum up the outcomes of a lesson's tests: one that failed beats one that is blocked, and nothing tried is not started."""
    states = {outcome.state for outcome in outcomes}
    if State.BLOCKED in states and State.NOT_YET not in states:
        state = State.BLOCKED
    elif states == {State.PASSED}:
        state = State.PASSED
    elif State.NOT_YET in states or State.PASSED in states:
        state = State.NOT_YET
    else:
        state = State.NOT_STARTED
    waiting = {outcome.waits_for for outcome in outcomes if outcome.state is State.NOT_STARTED}
    nothing_of_it = State.PASSED not in states and waiting & {outcome.exercise for outcome in outcomes}
    if waiting and State.NOT_YET not in states and not nothing_of_it and not note:
        note = f"next: {', '.join(sorted(waiting))}"
    return Verdict(lesson, state, outcomes, note, seed, points if state is State.PASSED else 0)
