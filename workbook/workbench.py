"""What a notebook gets from `lesson("m01.04")`: the running servers, a mock provider of its own, and its check."""

import atexit
import contextlib
import sys
import time
from collections.abc import Iterable
from functools import cached_property
from typing import Any, cast

from workbook.authoring.cells import Cell
from workbook.course import CourseError, Lesson, find_lesson
from workbook.grading.candidate import Candidate, candidate
from workbook.grading.progress import record
from workbook.grading.sandbox import Reference, Sandbox
from workbook.grading.verdict import State
from workbook.providers.client import MockSession, open_session
from workbook.stack import StackError, ensure_up
from workbook.stack.databases import fresh_database


class RunCells:
    """Remembers the source of every cell that the kernel has run, newest last, by cell id or by what the cell says."""

    def __init__(self) -> None:
        self._cells: dict[str, Cell] = {}

    def remember(self, source: str, cell_id: str | None = None) -> None:
        """Take note of a cell that is about to run; a cell that ran before is replaced where it stands."""
        cell = Cell(cell_id or "", "code", source)
        if not (cell.is_exported or cell.is_pasted_answer):
            return
        key = cell.exercise or cell_id or source
        self._cells[key] = cell

    def cells(self) -> Iterable[Cell]:
        """The cells, in the order in which they first ran."""
        return self._cells.values()


class Workbench:
    """A lesson at work. Made by `lesson()`."""

    def __init__(self, which: Lesson, urls: dict[str, str], ran: RunCells) -> None:
        self._lesson = which
        self._urls = urls
        self._ran = ran

    @cached_property
    def db_url(self) -> str:
        """URL of a database of this lesson's own: empty when the notebook starts, dropped when its kernel ends."""
        database = contextlib.ExitStack()
        atexit.register(database.close)
        return database.enter_context(fresh_database(self._urls["DB_URL"]))

    @property
    def redis_url(self) -> str:
        """URL of the shared Redis."""
        return self._urls["REDIS_URL"]

    def api(self, scenario: str = "calm", *, seed: int = 7, **options: Any) -> MockSession:
        """Open a mock provider session of your own: an address, a fault scenario, a journal of the calls received."""
        return open_session(scenario, seed=seed, root=self._urls["MOCK_API_URL"], **options)

    @cached_property
    def _sandbox(self) -> Sandbox:
        return Sandbox(Reference())

    def warm_up(self) -> None:
        """Start the checking process, so that the first check answers at once."""
        self._sandbox.start()

    def check(self, exercise: str = "") -> None:
        """Check what this kernel has run, saved or not, and print the answer.

        When the whole lesson passes, its module in `ingestion/` becomes yours.

        Args:
            exercise: `"ex1"` for one exercise; the whole lesson when empty.
        """
        try:
            answer = candidate(self._lesson, self._sandbox.reference.notebooks[self._lesson], self._ran.cells())
            verdict = self._sandbox.check(answer, exercise=exercise)
            print(verdict.text())
            if verdict.state is State.PASSED:
                self._export(answer, exercise)
        except CourseError as error:
            print(f"{self._lesson.id}  {State.BLOCKED}\n  came      {error}")

    def _export(self, answer: Candidate, exercise: str) -> None:
        exercises = sorted(cell.exercise.rpartition("-")[2] for cell in answer.cells if cell.exercise)
        if answer.is_master:
            return
        if exercise and len(exercises) > 1:
            whole = self._sandbox.check(answer)
            if whole.state is not State.PASSED:
                print(f"{'':9} {exercise} is right; {whole.note or 'the others are not yet'}")
                return
        path = record(answer)
        print(f"{'':9} {path} is now yours")


_current: dict[str, Any] = {}


def lesson(name: str) -> Workbench:
    """Start the servers if need be, and set the notebook up for one lesson.

    Args:
        name: Such as `m01.04`.
    """
    started = time.perf_counter()
    which = find_lesson(name)
    try:
        urls = ensure_up()
    except StackError as error:
        sys.exit(f"{error}")
    bench = Workbench(which, urls, _watch_kernel())
    bench.warm_up()
    set_plot_style()
    print(f"{which.id} is ready: Postgres, Redis and the mock provider, in {time.perf_counter() - started:.1f} s.")
    return bench


def _watch_kernel() -> RunCells:
    """Follow the cells that this kernel runs from now on, and take up those that it has run before."""
    with contextlib.suppress(NameError, ImportError):
        from IPython.core.getipython import get_ipython

        shell = get_ipython()
        if shell is not None:
            if "ran" not in _current:
                ran = _current["ran"] = RunCells()
                for source in shell.user_ns.get("In", []):
                    ran.remember(source)
                shell.events.register(
                    "pre_run_cell", lambda info: ran.remember(info.raw_cell, getattr(info, "cell_id", None))
                )
            return cast("RunCells", _current["ran"])
    return RunCells()


def set_plot_style() -> None:
    """Give every picture of the course the same size, resolution and colours (distinct without colour vision)."""
    import matplotlib as mpl
    from cycler import cycler

    mpl.rcParams.update(
        {
            "figure.figsize": (8.0, 3.2),
            "figure.dpi": 96,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.alpha": 0.25,
            "axes.prop_cycle": cycler(color=["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]),
            "font.size": 10,
            "legend.frameon": False,
            "savefig.bbox": "tight",
            "svg.hashsalt": "course",
        }
    )
