"""Check candidates against their lessons' checkpoints, each in a clean process over a temporary copy of the package."""

import ast
import json
import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

from workbook.authoring.build import module_path, read_course
from workbook.authoring.cells import Notebook
from workbook.course import ROOT, CourseError, Lesson
from workbook.grading.candidate import Candidate
from workbook.grading.servers import in_the_way, needed
from workbook.grading.verdict import Outcome, State, Verdict, judge

MEMORY_BYTES = 4 << 30


class Reference:
    """The package as the masters make it, whatever stands in `ingestion/`: what every answer is graded on."""

    def __init__(self, root: Path = ROOT) -> None:
        self.root = root
        course = read_course(root)
        self.notebooks: dict[Lesson, Notebook] = dict(course.lessons)
        self._sources: dict[str, str] = {}
        for _, notebook in course.lessons:
            for cell in notebook.exported:
                path = module_path(notebook.target(cell))
                self._sources[path] = self._sources.get(path, "") + cell.source + "\n"

    def write_to(self, folder: Path, *, without: str = "") -> None:
        """Write the package below *folder*, but for the module at the path *without*.

        What is no Python stands there as in the checkout.
        """
        for path in self._folders:
            (folder / path).mkdir(parents=True, exist_ok=True)
        for path, content in self._files.items():
            if path != without:
                (folder / path).write_bytes(content)

    @cached_property
    def _folders(self) -> list[str]:
        return sorted({Path(path).parent.as_posix() for path in self._files})

    @cached_property
    def _files(self) -> dict[str, bytes]:
        """Every file of the package by its path."""
        files = {path: source.encode() for path, source in self._sources.items()}
        for other in _files_below(self.root / "ingestion"):
            if other.suffix not in (".py", ".pyc"):
                files[other.relative_to(self.root).as_posix()] = other.read_bytes()
        return files


def _files_below(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


class Sandbox:
    """A warm checking process. Use it as a context manager; safe to call from several threads, one job at a time."""

    def __init__(self, reference: Reference | None = None, *, timeout_s: float = 60.0) -> None:
        self.reference = reference or Reference()
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the checking process; closing twice is harmless."""
        if self._process:
            self._process.communicate()
        self._process = None

    def start(self) -> None:
        """Start warming up, without waiting for it."""
        if self._process is None:
            environment = {
                **os.environ,
                "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
                "MPLBACKEND": "agg",
            }
            self._process = subprocess.Popen(
                [sys.executable, "-m", "workbook.grading.warm"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # an interrupt meant for the notebook's kernel is none for its checks
                text=True,
                encoding="utf-8",
                cwd=ROOT,
                env=environment,
            )

    def check(
        self, answer: Candidate, *, exercise: str = "", seed: int | None = None, until: frozenset[str] = frozenset()
    ) -> Verdict:
        """Run the lesson's checkpoint against *answer*.

        Args:
            answer: The candidate.
            exercise: Only this exercise's tests (`ex1`); all when empty.
            seed: For the inputs that the tests draw; a fresh one if not given.
            until: End with the first of these tests that fails. What comes after it counts as not run.
        """
        wanted = [name for name in tests_of(answer.lesson) if not exercise or name.startswith(f"test_{exercise}_")]
        if not wanted:
            known = sorted({Outcome(name, State.PASSED).exercise for name in tests_of(answer.lesson)})
            raise CourseError(f"{answer.lesson.id} has no exercise {exercise!r}: it has {', '.join(known)}")
        servers = needed(answer.lesson.checkpoint)
        if blocked := in_the_way(servers):
            return _blocked(answer, wanted, blocked)
        seed = random.SystemRandom().randrange(1 << 31) if seed is None else seed
        with TemporaryDirectory(prefix="check-") as folder:
            package = Path(folder).resolve()
            source = module_path(answer.module)
            self.reference.write_to(package, without=source)
            (package / source).parent.mkdir(parents=True, exist_ok=True)
            (package / source).write_text(answer.text(), encoding="utf-8")
            job = {
                "package": str(package),
                "root": str(ROOT),
                "source": source,
                "module": f"ingestion.{answer.module}".removesuffix(".__init__"),
                "line_map": answer.line_map(),
                "checkpoint": str(answer.lesson.checkpoint),
                "exercise": exercise,
                "seed": seed,
                "until": sorted(until),
                "timeout_s": self._timeout_s,
                "memory_bytes": MEMORY_BYTES,
                "log": str(package / "output.log"),
            }
            result = self._ask(job)
        verdict = verdict_on(answer, wanted, seed, result)
        if verdict.state is State.NOT_YET and (blocked := in_the_way(servers)):
            return _blocked(answer, wanted, blocked)  # a server went away during the check
        return verdict

    def _ask(self, job: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            self.start()
            assert self._process
            assert self._process.stdin
            assert self._process.stdout
            try:
                self._process.stdin.write(json.dumps(job) + "\n")
                self._process.stdin.flush()
                answered: dict[str, Any] = json.loads(self._process.stdout.readline())
            except (OSError, ValueError):
                self._process.kill()
                self.close()
                raise CourseError(
                    "the checking process died; run the check again, then `python grade.py doctor`"
                ) from None
            return answered


def tests_of(lesson: Lesson) -> list[str]:
    """The names of the tests in a lesson's checkpoint, in order.

    Raises:
        CourseError: there is no checkpoint.
    """
    try:
        tree = ast.parse(lesson.checkpoint.read_text(encoding="utf-8"))
    except OSError:
        raise CourseError(f"{lesson.id}: {lesson.checkpoint.name} is missing; restore it with git") from None
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [node.name for node in tree.body if isinstance(node, kinds) and node.name.startswith("test_")]


def _blocked(answer: Candidate, wanted: list[str], why: str) -> Verdict:
    return judge(str(answer.lesson.id), tuple(Outcome(name, State.BLOCKED, came=why) for name in wanted))


def verdict_on(answer: Candidate, wanted: list[str], seed: int, result: dict[str, Any]) -> Verdict:
    """Sum up what the checking process reported of the *wanted* tests; what it did not report, did not pass."""
    reported: dict[str, Outcome] = {}
    for fields in result["outcomes"]:
        outcome = Outcome(**{**fields, "state": State(fields["state"])})
        before = reported.get(outcome.test)
        if before is None or before.state is State.PASSED:
            reported[outcome.test] = outcome
    broken = reported.get("")
    if broken:
        return judge(str(answer.lesson.id), (broken, *(Outcome(name, broken.state) for name in wanted[1:])), seed=seed)
    why = "no answer in time" if result["timed_out"] else "the process ended before this check did"
    missing = Outcome("", State.NOT_YET, "every check to run to its end", why, _last_words(result["output"]))
    outcomes = tuple(reported.get(name) or Outcome(name, *_rest(missing)) for name in wanted)
    if not result["ended"]:
        outcomes = (*outcomes, missing)
    return judge(str(answer.lesson.id), outcomes, seed=seed)


def _rest(outcome: Outcome) -> tuple[State, str, str, str]:
    return outcome.state, outcome.expected, outcome.came, outcome.look_at


def _last_words(output: str) -> str:
    lines = [line for line in output.splitlines() if line.strip()]
    return lines[-1][:160] if lines else ""
