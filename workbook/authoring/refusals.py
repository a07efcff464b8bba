"""What the build refuses, each with one line that says which cell, what is wrong and what to do."""

import ast
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from workbook.authoring.cells import BEGIN, END, Cell, Notebook
from workbook.authoring.learner import FOLDED, SOLUTION_ONLY
from workbook.authoring.module import defined_names
from workbook.course import Lesson

FEWEST_MISTAKES = 4

_MAGIC = re.compile(r"\s*(\w+\s*=\s*)?[%!]|.*\?\s*$")
_CALLED_CHECK = re.compile(r"""\.check\(\s*["'](ex\d+)["']""")
_IMPORTED = re.compile(r"(?:from|import)\s+ingestion\.([\w.]+)")
_WORTH_A_LOOK = re.compile(r"import\s*\(?\s*\*|workbook")
_TITLE = re.compile(r"^# ", re.MULTILINE)
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_QUOTED = re.compile(r"`([A-Za-z_]\w+)(?:\(\))?`")


@dataclass(frozen=True)
class Course:
    """Every lesson with its notebook, read once."""

    lessons: Sequence[tuple[Lesson, Notebook]]


def refusals(course: Course) -> Iterator[str]:
    """Yield a line for everything that must not be built."""
    yield from _shared_modules(course)
    for lesson, notebook in course.lessons:
        for problem in _notebook_problems(lesson, notebook):
            yield f"{lesson.id} {notebook.path.name}: {problem}"
    yield from _forward_references(course)


def _shared_modules(course: Course) -> Iterator[str]:
    owners: dict[str, str] = {}
    for lesson, notebook in course.lessons:
        for module in dict.fromkeys(notebook.target(cell) for cell in notebook.exported):
            other = owners.setdefault(module, notebook.path.name)
            if other != notebook.path.name:
                yield f"{lesson.id} {notebook.path.name}: exports ingestion.{module}, which {other} exports too; give it to one of them"


def _notebook_problems(lesson: Lesson, notebook: Notebook) -> Iterator[str]:
    if notebook.course.get("lesson") != str(lesson.id):
        yield f"its metadata says course.lesson {notebook.course.get('lesson')!r}; the file name says {lesson.id}"
    if not notebook.module:
        yield "no cell names the module it builds; put `#| default_exp name` on its first exported cell"
    elif notebook.course.get("exports") != notebook.module:
        yield f"its metadata says course.exports {notebook.course.get('exports')!r}; its cells export {notebook.module!r}"
    for cell_id, times in Counter(cell.id for cell in notebook.cells).items():
        if times > 1:
            yield f"cell id {cell_id!r} stands on {times} cells; every cell needs its own"
    prose = "\n".join(cell.source for cell in notebook.cells if cell.kind == "markdown")
    if (titles := len(_TITLE.findall(_FENCED.sub("", prose)))) != 1:
        yield f"{titles} first-level headings; a lesson has one title"
    for cell in notebook.cells:
        for problem in _cell_problems(lesson, cell):
            yield f"cell {cell.id}: {problem}"
    yield from _unexplained(notebook)
    yield from _exercise_problems(lesson, notebook)


def _unexplained(notebook: Notebook) -> Iterator[str]:
    for before, cell in pairwise(notebook.cells):
        if FOLDED in cell.tags and FOLDED not in before.tags and before.kind != "markdown":
            yield f"cell {cell.id}: folded, and no text above it says what it is"


def _cell_problems(lesson: Lesson, cell: Cell) -> Iterator[str]:
    if cell.has_markers and not (cell.exercise and cell.is_exported):
        yield f"`{BEGIN}` outside an exercise; only a cell with `#| export` and `#| exercise: {lesson.id.slug}-ex1` may hold one"
    if FOLDED in cell.tags and (cell.exercise or not cell.is_exported):
        yield "folded, but only given code that is exported may be: the learner would not see it"
    if cell.exercise and not cell.is_exported:
        yield "an exercise that is not exported; put `#| export` on top"
    if not cell.is_exported:
        return
    if SOLUTION_ONLY in cell.tags:
        yield "exported and solution-only: the learner's module would miss it"
    try:
        tree = ast.parse(cell.code)
    except SyntaxError as error:
        line = cell.code.splitlines()[(error.lineno or 1) - 1]
        if _MAGIC.match(line):
            yield f"a magic or shell line in exported code ({line.strip()}); move it to a cell of its own"
        else:
            yield f"line {error.lineno} does not parse: {error.msg}"
        return
    if _WORTH_A_LOOK.search(cell.code):
        yield from _import_problems(tree)
    if cell.exercise:
        yield from _marker_problems(lesson, cell)


def _import_problems(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            yield f"`from {node.module} import *` hides where names come from; name them"
        if isinstance(node, ast.Import | ast.ImportFrom) and "workbook" in ast.unparse(node):
            yield "exported code imports workbook; the package must stand without the course"


def _marker_problems(lesson: Lesson, cell: Cell) -> Iterator[str]:
    if not re.fullmatch(rf"{lesson.id.slug}-ex\d+", cell.exercise or ""):
        yield f"exercise {cell.exercise!r} should be called {lesson.id.slug}-ex1, -ex2, ..."
    if not cell.solution_is_well_marked():
        yield f"an exercise has exactly one `{BEGIN}` and, below it, one `{END}`, each on a line of its own"
        return
    try:
        tree = ast.parse(cell.stub())
    except SyntaxError as error:
        yield f"without its solution it does not parse (line {error.lineno}: {error.msg}); indent the markers like the solution"
        return
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    stubs = {ast.unparse(node) for function in functions for node in ast.walk(function) if isinstance(node, ast.Raise)}
    if f"raise NotImplementedError({cell.exercise!r})" not in stubs:
        yield "its solution stands outside a function; the stub would fail on import instead of when it is called"


def _exercise_problems(lesson: Lesson, notebook: Notebook) -> Iterator[str]:
    if not notebook.exercises:
        yield "has no exercise; a lesson has at least one"
    checked = set().union(*(_CALLED_CHECK.findall(cell.source) for cell in notebook.cells if "check" in cell.tags), ())
    tests = lesson.checkpoint.read_text(encoding="utf-8") if lesson.checkpoint.exists() else ""
    mistakes = list(lesson.mistakes.glob("*.py"))
    for exercise in notebook.exercises:
        short = exercise.rpartition("-")[2]
        if short not in checked:
            yield f'exercise {exercise} has no check; add a cell tagged `check` with `lab.check("{short}")`'
        if f"def test_{short}_" not in tests:
            yield f"exercise {exercise} has no test; add `test_{short}_...` to {lesson.checkpoint.name}"
        if not any(f"#| exercise: {exercise}" in path.read_text(encoding="utf-8") for path in mistakes):
            yield f"exercise {exercise} has no known mistake; add one to {lesson.mistakes.name}/"
    if len(mistakes) < FEWEST_MISTAKES:
        yield f"has {len(mistakes)} known mistakes; a check is proven by at least {FEWEST_MISTAKES}"


@dataclass(frozen=True)
class _Home:
    """Where a name or a module is first exported."""

    lesson: Lesson
    module: str


def _forward_references(course: Course) -> Iterator[str]:
    names: dict[str, _Home] = {}
    modules: dict[str, _Home] = {}
    for lesson, notebook in course.lessons:
        for cell in notebook.exported:
            home = _Home(lesson, notebook.target(cell))
            modules.setdefault(home.module, home)
            for name in defined_names(cell.code):
                names.setdefault(name, home)
    for lesson, notebook in course.lessons:
        for problem in _looks_ahead(lesson, notebook, names, modules):
            yield f"{lesson.id} {notebook.path.name}: {problem}"


def _looks_ahead(
    lesson: Lesson, notebook: Notebook, names: dict[str, _Home], modules: dict[str, _Home]
) -> Iterator[str]:
    given = [module.removeprefix("ingestion.") for module in notebook.course.get("given", [])]
    for module in given:
        if module not in modules:
            yield f"its metadata gives ingestion.{module}, which no lesson exports"
    for cell in notebook.cells:
        if SOLUTION_ONLY in cell.tags:
            continue
        text = cell.stub() if cell.has_markers else cell.source
        for name, home in _named(cell, text, names, modules):
            if home.lesson.id > lesson.id and home.module not in given:
                yield f"cell {cell.id}: names `{name}`, which lesson {home.lesson.id} only introduces"


def _named(cell: Cell, text: str, names: dict[str, _Home], modules: dict[str, _Home]) -> Iterator[tuple[str, _Home]]:
    pattern, homes = (_IMPORTED, modules) if cell.kind == "code" else (_QUOTED, names)
    for name in set(pattern.findall(text)):
        if name in homes:
            yield name, homes[name]
