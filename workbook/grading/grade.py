"""Grade saved notebooks, or the solutions, lesson by lesson."""

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from workbook.authoring.cells import Notebook
from workbook.course import CourseError, Lesson
from workbook.grading.candidate import Candidate, candidate
from workbook.grading.sandbox import Reference, Sandbox, tests_of
from workbook.grading.solutions import executed_notebook, prepare, run_solution
from workbook.grading.verdict import Outcome, State, Verdict, judge


def grade(
    chosen: Sequence[Lesson], *, solutions: bool = False, seed: int | None = None, executed: Path | None = None
) -> Iterator[Verdict]:
    """Yield a verdict for each lesson; a notebook that is broken costs its own lesson and no other.

    Args:
        chosen: The lessons, in the order of the verdicts.
        solutions: Grade the masters, and run each from top to bottom, in place of the learner's notebooks.
        seed: For the inputs that the tests draw.
        executed: A folder to keep the solutions in as they ran.
    """
    reference = Reference()
    with Sandbox(reference) as sandbox, _running(chosen if solutions else (), executed) as runs:
        for lesson in chosen:
            try:
                if solutions:
                    yield _grade_solution(lesson, reference.notebooks[lesson], sandbox, seed, runs[lesson])
                else:
                    yield _grade_notebook(lesson, reference.notebooks[lesson], sandbox, seed)
            except CourseError as error:
                yield Verdict(str(lesson.id), State.NOT_YET, (), str(error))


@contextmanager
def _running(chosen: Sequence[Lesson], executed: Path | None) -> Iterator[dict[Lesson, "Future[str]"]]:
    """Run the masters of *chosen* from top to bottom, as many at a time as there are cores."""
    prepare()
    with ThreadPoolExecutor(os.cpu_count() or 1) as workers:
        try:
            yield {
                lesson: workers.submit(
                    run_solution, lesson, executed_notebook(executed, lesson.master) if executed else None
                )
                for lesson in chosen
            }
        finally:
            workers.shutdown(wait=False, cancel_futures=True)


def _grade_notebook(lesson: Lesson, master: Notebook, sandbox: Sandbox, seed: int | None) -> Verdict:
    answer = candidate(lesson, master, Notebook.read(lesson.notebook).cells)
    if answer.is_untouched:
        return judge(str(lesson.id), tuple(Outcome(test, State.NOT_STARTED) for test in tests_of(lesson)))
    return sandbox.check(answer, seed=seed)


def _grade_solution(
    lesson: Lesson, master: Notebook, sandbox: Sandbox, seed: int | None, run: "Future[str]"
) -> Verdict:
    verdict = sandbox.check(candidate(lesson, master, master.cells), seed=seed)
    problem = run.result()
    if verdict.state is State.PASSED and problem:
        return Verdict(str(lesson.id), State.NOT_YET, verdict.outcomes, problem)
    return verdict


def standing(lesson: Lesson, passed: Mapping[str, Any]) -> str:
    """Say where a learner is with one lesson without running anything: `passed`, `started` or `not started`."""
    if str(lesson.id) in passed:
        return "passed"
    try:
        master = Notebook.read(lesson.master)
        written: Candidate = candidate(lesson, master, Notebook.read(lesson.notebook).cells)
    except CourseError:
        return "started"
    return "not started" if written.is_untouched else "started"
