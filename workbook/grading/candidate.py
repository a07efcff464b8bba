"""A learner's answer as a module: their cells where they have written some, the lesson's own everywhere else."""

from collections.abc import Iterable
from dataclasses import dataclass

from workbook.authoring.cells import Cell, Notebook
from workbook.authoring.module import assemble, defined_names, formatted
from workbook.course import Lesson


@dataclass(frozen=True)
class Line:
    """Where a line of a candidate module stands in the notebook."""

    cell: str
    number: int


@dataclass(frozen=True)
class Candidate:
    """The cells, in module order, that make up one answer to one lesson."""

    lesson: Lesson
    module: str
    cells: tuple[Cell, ...]
    untouched: frozenset[str]
    is_master: bool

    @property
    def is_untouched(self) -> bool:
        """Whether every exercise still is the stub it came with."""
        return len(self.untouched) == sum(1 for cell in self.cells if cell.exercise)

    def text(self) -> str:
        """The module to be checked: the cells as they are, one after the other, so that each line can be traced back."""
        return "\n".join(cell.source for cell in self.cells) + "\n"

    def line_of(self, number: int) -> Line | None:
        """Give the notebook's cell and line for line *number* of `text()`."""
        for cell in self.cells:
            length = cell.source.count("\n") + 1
            if number <= length:
                return Line(cell.exercise.rpartition("-")[2] if cell.exercise else cell.id, number)
            number -= length
        return None

    def line_map(self) -> list[tuple[str, int]]:
        """`line_of` for every line, as plain data."""
        lines = (self.line_of(number) for number in range(1, self.text().count("\n") + 1))
        return [(line.cell, line.number) if line else ("", 0) for line in lines]

    def exported(self) -> str:
        """The module as it is written to the package: assembled and formatted, with the learner's notebook as its origin.

        Raises:
            CourseError: the code does not parse.
        """
        origin = self.lesson.notebook.relative_to(self.lesson.root).as_posix()
        text = assemble([cell.code for cell in self.cells], origin)
        return formatted({"module.py": text})["module.py"]


def candidate(lesson: Lesson, master: Notebook, written: Iterable[Cell]) -> Candidate:
    """Put *written* (what a learner saved or ran) in the place of the master's cells.

    A cell is known by its id, by its `#| exercise` line, by its text, or by a name it defines. An answer that was pasted
    over the whole cell, its `#|` lines included, still is known by the cell's id. The exported cells that a learner added
    come before the next known cell. Exercises that were never written stay stubs.
    """
    own = [cell for cell in master.exported if master.target(cell) == master.module]
    found: dict[str, Cell] = {}
    added: dict[str, list[Cell]] = {}
    waiting: list[Cell] = []
    for cell in written:
        if not (cell.is_exported or cell.is_pasted_answer) or master.target(cell) != master.module:
            continue
        known = _same(cell, own)
        if known:
            found[known.id] = cell
            added.setdefault(known.id, []).extend(waiting)
            waiting = []
        else:
            waiting.append(cell)
    cells: list[Cell] = []
    untouched = set()
    for reference in own:
        stub = Cell(
            reference.id,
            "code",
            reference.stub() if reference.has_markers else reference.source,
            reference.tags,
        )
        cell = found.get(reference.id, stub)
        if reference.exercise and _same_code(cell, stub):
            untouched.add(reference.exercise)
        cells += [*added.get(reference.id, []), Cell(reference.id, "code", cell.source, reference.tags)]
    is_master = any(cell.has_markers for cell in cells)
    return Candidate(lesson, master.module, (*cells, *waiting), frozenset(untouched), is_master)


def _same(cell: Cell, known: list[Cell]) -> Cell | None:
    for reference in known:
        if cell.exercise and cell.exercise == reference.exercise:
            return reference
    if cell.exercise:
        return None
    for reference in known:
        if not reference.exercise and (cell.id == reference.id or cell.source == reference.source):
            return reference
    names = defined_names(cell.code)
    return next((each for each in known if names & defined_names(each.code)), None)


def _same_code(one: Cell, other: Cell) -> bool:
    return [line.rstrip() for line in one.code.splitlines()] == [line.rstrip() for line in other.code.splitlines()]
