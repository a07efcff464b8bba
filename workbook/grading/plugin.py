"""The pytest plugin that runs inside the checking process and reports each test's outcome as it happens."""

import contextlib
import importlib
import inspect
import json
import os
import re
import signal
import threading
import traceback
from collections.abc import Generator, Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

from workbook.grading.expect import Blocked, NotYet
from workbook.grading.originals import Originals
from workbook.grading.verdict import State

_EXERCISE = re.compile(r"m\d\d-\d\d-ex\d+")
_PLACE = re.compile(r" \(/\S+\)$")  # of an ImportError: a path in a temporary folder
_TEST_LIMIT_S = 10.0


class TimeUp(TimeoutError):
    """An answer has not come to an end."""


class OutcomeReporter:
    """Imports the candidate, then turns every test's end into one line of JSON on a pipe."""

    def __init__(
        self, pipe: int, key: str, job: dict[str, Any], originals: Originals, codes: frozenset[CodeType]
    ) -> None:
        self._module = job["module"]
        self._source = str(Path(job["package"], job["source"]))
        self._line_map = [tuple(line) for line in job["line_map"]]
        self._until = frozenset(job.get("until", ()))
        self._originals, self._codes = originals, codes
        write, dumps = os.write, json.dumps  # bound before any answer is imported

        def send(fields: dict[str, Any]) -> None:
            write(pipe, f"{key}{dumps(fields)}\n".encode())

        self._send = send

    def send(self, **fields: Any) -> None:
        """Report one outcome. A line without the job's key counts for nothing."""
        self._send(fields)

    def import_candidate(self) -> bool:
        """Import the answer, so that an error in it is reported once and as its own."""
        try:
            with _time_limit():
                importlib.import_module(self._module)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # an answer may raise anything, SystemExit included
            self.send(test="", **self._explain(error, "the cell runs from top to bottom"))
            return False
        return not self._report_tampering("")

    def pytest_exception_interact(
        self, call: pytest.CallInfo[Any], report: pytest.CollectReport | pytest.TestReport
    ) -> None:
        """Report that the checkpoint cannot be imported: an answer that lacks what it imports, as a rule."""
        if isinstance(report, pytest.CollectReport) and call.excinfo:
            *_, cause = _chain(call.excinfo.value)
            self.send(test="", **self._explain(cause, "the module has what the lesson asks for"))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Take note of the checkpoint's own functions: they were imported after the answer, so are they as written?"""
        for item in session.items:
            function: Any = getattr(item, "function", None)
            given = getattr(function, "hypothesis", None)
            if inspect.unwrap(given.inner_test if given else function).__code__ not in self._codes:
                self._report_tampering(_name(item), _name(item))
            self._originals.note(function.__module__)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Let no outcome stand for which the answer has changed what judges it."""
        done = yield
        self._report_tampering(_name(item))
        return done

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Give each test a time limit, so that an endless loop is an answer and not a hang; one such is enough."""
        try:
            with _time_limit():
                return (yield)
        except TimeUp:
            item.session.shouldstop = "out of time"
            raise

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Report the outcome of a test's call, or of a set-up that failed."""
        report = yield
        name, error = _name(item), call.excinfo.value if call.excinfo else None
        if report.failed and error is not None:
            promise = (getattr(getattr(item, "function", None), "__doc__", "") or name).strip().splitlines()[0]
            outcome = self._explain(error, promise, in_setup=call.when == "setup")
            self.send(test=name, **outcome)
            if name in self._until and outcome["state"] is State.NOT_YET:
                item.session.shouldstop = "what was asked for has failed"
        elif report.skipped:
            state = State.NOT_YET if error and self._where(error) else State.BLOCKED
            self.send(test=name, state=state, came=f"skipped: {error or ''}")
        elif call.when == "call":
            self.send(test=name, state=State.PASSED)
        return report

    def _report_tampering(self, test: str, replaced: str = "") -> bool:
        replaced = replaced or self._originals.replaced()
        if replaced:
            self.send(
                test=test,
                state=State.NOT_YET,
                expected="an answer that leaves everything outside its module as it is",
                came=f"{replaced} has been replaced",
            )
        return bool(replaced)

    def _explain(self, error: BaseException, promise: str, *, in_setup: bool = False) -> dict[str, Any]:
        causes = list(_chain(error))
        for cause in causes:
            if isinstance(cause, NotImplementedError) and cause.args and _EXERCISE.fullmatch(str(cause.args[0])):
                return {"state": State.NOT_STARTED, "came": str(cause.args[0])}
            if isinstance(cause, NotYet):
                return {
                    "state": State.NOT_YET,
                    "expected": cause.expected,
                    "came": cause.came,
                    "look_at": cause.look_at,
                    "hint": cause.hint,
                }
        for cause in causes:
            if not self._where(cause) and (in_setup or isinstance(cause, Blocked)):
                return {"state": State.BLOCKED, "came": _one_line(cause)}
        came = f"{_kind(error)}: {_one_line(error)}" if _one_line(error) else _kind(error)
        return {
            "state": State.NOT_YET,
            "expected": _lower(promise),
            "came": came,
            "look_at": self._where(error),
        }

    def _where(self, error: BaseException) -> str:
        if isinstance(error, SyntaxError) and error.filename == self._source:
            return self._place(error.lineno or 0)
        frames = [frame for cause in _chain(error) for frame in traceback.extract_tb(cause.__traceback__)]
        lines = [frame.lineno for frame in frames if frame.filename == self._source]
        return self._place(lines[-1] or 0) if lines else ""

    def _place(self, number: int) -> str:
        if not 0 < number <= len(self._line_map):
            return ""
        cell, line = self._line_map[number - 1]
        text = Path(self._source).read_text(encoding="utf-8").splitlines()[number - 1].strip()
        return f"cell {cell}, line {line}: {text}"


def _name(item: pytest.Item) -> str:
    return getattr(item, "originalname", None) or item.name


@contextlib.contextmanager
def _time_limit() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return
    previous = signal.signal(signal.SIGALRM, _out_of_time)
    signal.setitimer(signal.ITIMER_REAL, _TEST_LIMIT_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        current = waiting.pop(0)
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        waiting += [current.__cause__, None if current.__suppress_context__ else current.__context__]
        if isinstance(current, BaseExceptionGroup):
            waiting += current.exceptions


def _kind(error: BaseException) -> str:
    return type(error).__name__


def _one_line(error: BaseException) -> str:
    try:
        lines = str(error.msg if isinstance(error, SyntaxError) else error).strip().splitlines()
    except Exception:  # an answer's own error may fail to say what it is
        return ""
    return _PLACE.sub("", lines[0])[:200] if lines else ""


def _lower(promise: str) -> str:
    promise = promise.rstrip(".")
    return promise[:1].lower() + promise[1:] if promise[1:2].islower() else promise


def _out_of_time(*_: object) -> None:
    raise TimeUp(f"no answer within {_TEST_LIMIT_S:.0f} s; is there a loop that never ends, or a real sleep?")
