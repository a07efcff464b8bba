"""`python -m workbook.authoring build | run | check`: the author's commands."""

import argparse
import sys

from rich.console import Console
from rich.progress import track

from workbook.authoring.build import build, compare, write
from workbook.authoring.cells import read_node
from workbook.authoring.execute import run, save, tidy
from workbook.course import CourseError, find_lesson, lessons


def main(arguments: list[str] | None = None) -> int:
    """Run one of the commands; 0 when all is well, 1 when something differs or fails, 2 for a wrong call."""
    parser = argparse.ArgumentParser(prog="python -m workbook.authoring", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    builder = commands.add_parser("build", help="make modules/ and ingestion/ from solutions/")
    builder.add_argument("--force", action="store_true", help="build in spite of refusals, and print them")
    commands.add_parser("check", help="say whether modules/ and ingestion/ are what solutions/ makes")
    runner = commands.add_parser("run", help="run masters, keep their stable outputs, then build")
    runner.add_argument("lesson", nargs="*", help="such as m01.04; every lesson if none is given")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "run":
            return _run(chosen.lesson)
        return _check() if chosen.command == "check" else _build(force=chosen.force)
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1


def _build(*, force: bool = False) -> int:
    for lesson in lessons():
        node = read_node(lesson.master)
        tidy(node, lesson)
        save(lesson.master, node)
    written = write(build(force=force))
    print(
        "\n".join(f"wrote {path}" for path in written)
        or "nothing to do: modules/ and ingestion/ are what solutions/ makes"
    )
    return 0


def _check() -> int:
    built = build()
    difference = compare(built)
    for path in difference.learners:
        print(f"your own work  {built.lesson_of[path].id}  {path}")
    for path in difference.stale:
        print(f"out of date    {path}: run `python -m workbook.authoring build`", file=sys.stderr)
    if not difference.stale:
        print(f"in sync: {len(built.notebooks)} notebooks, {len(built.modules)} modules")
    return 1 if difference.stale else 0


def _run(names: list[str]) -> int:
    chosen = [find_lesson(name) for name in names] or list(lessons())
    for lesson in track(chosen, description="running", console=Console(stderr=True)):
        run(lesson)
    return _build(force=len(chosen) < len(list(lessons())))


if __name__ == "__main__":
    sys.exit(main())
