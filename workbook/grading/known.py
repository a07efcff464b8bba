"""The known mistakes and other right answers that stand next to each checkpoint."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workbook.authoring.cells import Cell, Notebook
from workbook.course import CourseError, Lesson
from workbook.grading.candidate import Candidate, candidate

_EXERCISE = re.compile(r"^#\| exercise: (\S+)$", re.MULTILINE)
_CAUGHT_BY = re.compile(r"^#\| caught by: (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class KnownAnswer:
    """An answer written to a file: one sentence on it, the exercises it replaces, and the tests that catch it if it is wrong."""

    path: Path
    why: str
    cells: tuple[Cell, ...]
    caught_by: tuple[str, ...]

    def candidate(self, lesson: Lesson, master: Notebook) -> Candidate:
        """The reference with this answer's exercises in the place of its own."""
        mine = {cell.exercise: cell for cell in self.cells}
        return candidate(lesson, master, [mine.get(cell.exercise, cell) for cell in master.exported])


def read_known(path: Path) -> KnownAnswer:
    """Read one file: a docstring, then exercise cells, each from its `#| exercise:` line to the next.

    Raises:
        CourseError: no docstring, or no exercise.
    """
    text = path.read_text(encoding="utf-8")
    why = ast.get_docstring(ast.parse(text)) or ""
    starts = [match.start() for match in _EXERCISE.finditer(text)]
    if not why or not starts:
        raise CourseError(
            f"{path.name}: begin with a docstring that says what the answer does, then `#| exercise: <id>` and its code"
        )
    pieces = [text[start:end].strip() for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]
    cells = tuple(Cell(_EXERCISE.findall(piece)[0], "code", f"#| export\n{piece}") for piece in pieces)
    caught_by = [name.strip() for names in _CAUGHT_BY.findall(text) for name in names.split(",")]
    return KnownAnswer(path, why, cells, tuple(caught_by))


def mistakes(lesson: Lesson) -> Iterator[KnownAnswer]:
    """Yield the lesson's known mistakes."""
    yield from (read_known(path) for path in sorted(lesson.mistakes.glob("*.py")))


def other_answers(lesson: Lesson) -> Iterator[KnownAnswer]:
    """Yield the lesson's other right answers."""
    yield from (read_known(path) for path in sorted(lesson.answers.glob("*.py")))
