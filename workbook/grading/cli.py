"""`grade.py`: where the learner stands, and the grade."""

import argparse
import contextlib
import json
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from workbook.course import FOLDERS, PHASES, ROOT, CourseError, Lesson, find_lesson, lessons
from workbook.grading import progress
from workbook.grading.verdict import Outcome, State, Verdict

EXAMPLES = """\
examples:
  python grade.py                 where you stand, and what comes next
  python grade.py m01             grade module 01: one line a lesson; exit 0 only when all have passed
  python grade.py m01.04          grade one lesson, and say what is missing
  python grade.py m01.04 --watch  again each time you save the notebook
  python grade.py reset m01.04    start a lesson anew (your notebook is kept in .workbook/backup/)
  python grade.py phase1          let everything arrive, and judge what the package leaves behind
  python grade.py phase1 --tag    the same, and tag this commit once it is green
  python grade.py m01 --solutions prove that the solutions pass (for instructors)
  python grade.py doctor          what is wrong with this machine

exit codes: 0 all passed, 1 not all passed, 2 wrong call, 3 blocked by the machine
"""

OK, NOT_ALL, WRONG_CALL, BLOCKED = 0, 1, 2, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `grade.py` and give its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that cannot show a sign still shows the answer
    chosen = _parser().parse_args(arguments)
    out = Console(highlight=False, soft_wrap=True, markup=False)
    try:
        return _run(chosen, out)
    except CourseError as error:
        print(f"grade.py: {error}", file=sys.stderr)
        return WRONG_CALL
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="grade.py",
        description="Where you stand in the course, and the grade.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "what", nargs="?", default="", help="m01 .. m04, a lesson such as m01.04, phase1, `reset`, or `doctor`"
    )
    parser.add_argument("lesson", nargs="?", default="", help="with `reset`: the lesson")
    parser.add_argument("--watch", action="store_true", help="grade again each time a notebook is saved")
    parser.add_argument(
        "--solutions", action="store_true", help="grade and run the solutions in place of your notebooks"
    )
    parser.add_argument(
        "--executed",
        type=Path,
        metavar="FOLDER",
        help="with --solutions: keep the notebooks as they ran in this folder",
    )
    parser.add_argument(
        "--tag", action="store_true", help="with phase1: put the git tag of that name here once it is green"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--seed", type=int, help="repeat the inputs of an earlier grading")
    return parser


def _run(chosen: argparse.Namespace, out: Console) -> int:
    match chosen.what:
        case "":
            return _overview(out)
        case "doctor":
            return _doctor(out)
        case "reset":
            return _reset(chosen.lesson, out)
        case phase if phase in PHASES:
            return _phase(phase, chosen, out)
    if chosen.executed and not chosen.solutions:
        raise CourseError("--executed goes with --solutions: python grade.py m01 --solutions --executed FOLDER")
    if chosen.tag:
        raise CourseError("--tag goes with a phase: python grade.py phase1 --tag")
    chosen_lessons = _chosen(chosen.what)
    if chosen.watch:
        return _watch(chosen_lessons, lambda: _grade(chosen_lessons, chosen, out), out)
    return _grade(chosen_lessons, chosen, out)


def _chosen(what: str) -> list[Lesson]:
    if what.lower() in FOLDERS:
        found = list(lessons(module=what.lower()))
        if not found:
            raise CourseError(f"module {what} has no lessons yet")
        return found
    return [find_lesson(what)]


def _overview(out: Console) -> int:
    from workbook.grading.grade import standing

    passed = progress.load()
    states = [(lesson, standing(lesson, passed)) for lesson in lessons()]
    for module, folder in FOLDERS.items():
        mine = [state for lesson, state in states if lesson.id.module == module]
        if mine:
            done = sum(state == "passed" for state in mine)
            started = sum(state == "started" for state in mine)
            full, empty = "█░" if out.encoding.lower().startswith("utf") else "#."
            bar = full * round(20 * done / len(mine))
            out.print(
                f"{module}  {folder:<18} {bar:{empty}<20}  {done} of {len(mine)} passed{f', {started} started' if started else ''}"
            )
    waiting = next((lesson for lesson, state in states if state != "passed"), None)
    if waiting is None:
        out.print("Every lesson has passed.")
    else:
        out.print(f"Next: {waiting.id}, {waiting.notebook.relative_to(ROOT).as_posix()}  (open it with `make lab`)")
    return OK


def _doctor(out: Console) -> int:
    from workbook.stack import diagnose

    findings = diagnose()
    for finding in findings:
        state = "ok" if finding.ok else "optional" if finding.optional else "problem"
        out.print(f"{state:<9} {finding.name:<24} {finding.detail}")
        if not finding.ok and finding.remedy:
            out.print(f"{'':34} {finding.remedy}")
    return OK if all(finding.ok or finding.optional for finding in findings) else BLOCKED


def _reset(name: str, out: Console) -> int:
    from workbook.grading.reset import reset

    if not name:
        raise CourseError("say which lesson to start anew: python grade.py reset m01.04")
    for line in reset(find_lesson(name)):
        out.print(line)
    return OK


def _phase(phase: str, chosen: argparse.Namespace, out: Console) -> int:
    from workbook.grading.phases import grade_phase, tag

    with _progress(enabled=not chosen.json) as bar:
        bar.add_task(f"{phase}: {PHASES[phase]}", total=None)

        def show(promise: str, outcome: Outcome) -> None:
            if not chosen.json:
                bar.console.print(f"{outcome.state:<8} {promise}", highlight=False, soft_wrap=True, markup=False)

        verdict = grade_phase(phase, show)
    if chosen.json:
        print(json.dumps(verdict.as_dict(), ensure_ascii=False, indent=1))
    else:
        out.print(verdict.text())
    if verdict.state is State.PASSED and chosen.tag:
        print(tag(phase), file=sys.stderr if chosen.json else sys.stdout)
    if verdict.state is State.BLOCKED:
        return BLOCKED
    return OK if verdict.state is State.PASSED else NOT_ALL


def _grade(chosen_lessons: list[Lesson], chosen: argparse.Namespace, out: Console) -> int:
    from workbook.grading.grade import grade

    one = len(chosen_lessons) == 1
    verdicts: list[Verdict] = []
    with _progress(enabled=not chosen.json) as bar:
        task = bar.add_task("grading", total=len(chosen_lessons))
        for verdict in grade(chosen_lessons, solutions=chosen.solutions, seed=chosen.seed, executed=chosen.executed):
            verdicts.append(verdict)
            if verdict.state is State.PASSED and not chosen.solutions:
                with contextlib.suppress(OSError):  # a checkout that cannot be written is graded all the same
                    progress.note(verdict.lesson)
            bar.advance(task)
            if not chosen.json:
                bar.console.print(
                    verdict.text() if one else verdict.line(), highlight=False, soft_wrap=True, markup=False
                )
    if chosen.json:
        print(json.dumps([verdict.as_dict() for verdict in verdicts], ensure_ascii=False, indent=1))
    elif not one:
        _summary(verdicts, out)
    if any(verdict.state is State.BLOCKED for verdict in verdicts):
        return BLOCKED
    return OK if all(verdict.state is State.PASSED for verdict in verdicts) else NOT_ALL


def _summary(verdicts: list[Verdict], out: Console) -> None:
    counts = {state: sum(verdict.state is state for verdict in verdicts) for state in State}
    parts = [f"{count} {state}" for state, count in counts.items() if count and state is not State.PASSED]
    points = sum(verdict.points for verdict in verdicts)
    out.print(
        f"\n{counts[State.PASSED]} of {len(verdicts)} passed{', ' + ', '.join(parts) if parts else ''}"
        f"; {points} of {10 * len(verdicts)} points"
    )


def _progress(*, enabled: bool) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=not sys.stdout.isatty())
    return Progress(
        *columns,
        transient=True,
        console=console if console.is_terminal else Console(highlight=False),
        disable=not enabled,
    )


def _watch(chosen_lessons: list[Lesson], grade_once: Callable[[], int], out: Console) -> int:
    paths = [lesson.notebook for lesson in chosen_lessons]
    seen: dict[Path, int] | None = None
    interrupted = threading.Event()

    def interrupt(number: int, frame: FrameType | None) -> None:
        interrupted.set()  # Python drops an exception that comes while it cleans up
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, interrupt)
    while not interrupted.wait(0.5 if seen is not None else 0):
        now = {path: path.stat().st_mtime_ns for path in paths if path.exists()}
        if now != seen:
            seen = now
            grade_once()
            out.print("waiting for a notebook to be saved (Ctrl+C ends this)")
    raise KeyboardInterrupt
