"""Grade a phase: what the package, as it stands in this checkout, leaves behind when everything arrives."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from workbook.course import ROOT, CourseError
from workbook.grading.expect import Blocked, NotYet
from workbook.grading.verdict import Outcome, State, Verdict, judge
from workbook.stack import StackError

OnOutcome = Callable[[str, Outcome], None]


def grade_phase(phase: str, on_outcome: OnOutcome = lambda promise, outcome: None) -> Verdict:
    """Run the suite of *phase* on real servers, and sum it up.

    Args:
        phase: One of `workbook.course.PHASES`.
        on_outcome: Called after each check with its promise and how it went.
    """
    reporter = _Reporter(on_outcome)
    suite = ROOT / "checkpoints" / phase
    options = ("-p", "no:terminal", "-p", "no:cacheprovider", "-p", "workbook.fixtures", "-o", "addopts=")
    code = pytest.main([*options, "--import-mode=importlib", str(suite)], plugins=[reporter])
    if not reporter.outcomes:
        raise CourseError(f"{phase} has no checks that run (pytest ended with {int(code)}); restore {suite} with git")
    return judge(phase, tuple(reporter.outcomes))


class _Reporter:
    """A pytest plugin that turns each test's end into an `Outcome`."""

    def __init__(self, on_outcome: OnOutcome) -> None:
        self.outcomes: list[Outcome] = []
        self._on_outcome = on_outcome

    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        """Note how a test's call went, or a set-up that failed."""
        error = call.excinfo.value if call.excinfo else None
        if call.when != "call" and error is None:
            return
        promise = (getattr(getattr(item, "function", None), "__doc__", "") or item.name).strip().splitlines()[0]
        outcome = _outcome(item.name, promise, error)
        self.outcomes.append(outcome)
        self._on_outcome(promise, outcome)


def _outcome(name: str, promise: str, error: BaseException | None) -> Outcome:
    match error:
        case None:
            return Outcome(name, State.PASSED)
        case NotYet():
            return Outcome(name, State.NOT_YET, error.expected, error.came, error.look_at, error.hint)
        case Blocked():
            return Outcome(name, State.BLOCKED, came=str(error))
        case StackError():
            return Outcome(name, State.NOT_YET, promise, str(error))
        case _:
            return Outcome(name, State.NOT_YET, promise, f"{type(error).__name__}: {error}".splitlines()[0])


def tag(phase: str, root: Path = ROOT) -> str:
    """Put the git tag *phase* on the commit that is checked out; gives a line that says so.

    Raises:
        CourseError: there are uncommitted changes, the tag stands elsewhere, or this is no git checkout.
    """
    if _git(root, "status", "--porcelain", "--untracked-files=no"):
        raise CourseError(
            f"{phase} is green, but not tagged: there are uncommitted changes; commit them, then run this again"
        )
    here = _git(root, "rev-parse", "HEAD")
    if _git(root, "tag", "--list", phase):
        there = _git(root, "rev-list", "-n", "1", phase)
        if there != here:
            raise CourseError(f"the tag {phase} stands on {there[:10]} already; `git tag -d {phase}` frees it")
        return f"{here[:10]} has the tag {phase} already"
    _git(root, "tag", phase)
    return f"tagged {here[:10]} as {phase}"


def _git(root: Path, *arguments: str) -> str:
    try:
        ran = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, encoding="utf-8", check=False
        )
    except FileNotFoundError:
        raise CourseError("git is not installed, so nothing can be tagged") from None
    if ran.returncode:
        said = ran.stderr.strip().splitlines()
        raise CourseError(f"git {arguments[0]} failed: {said[-1] if said else ran.returncode}")
    return ran.stdout.strip()
