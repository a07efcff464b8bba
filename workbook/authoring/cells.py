"""What a notebook's cells say about themselves: nbdev's directives, nbgrader's solution markers, the lesson's tags."""

import ast
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from workbook.authoring.node import Node, from_text
from workbook.course import FOLDERS, CourseError

BEGIN = "### BEGIN SOLUTION"
END = "### END SOLUTION"

_DIRECTIVE = re.compile(r"^#\|[ \t]*([a-z_]+):?[ \t]*(.*?)[ \t]*$", re.MULTILINE)
_MARKED = re.compile(rf"^([ \t]*){BEGIN}\n(.*?\n)??[ \t]*{END}[ \t]*$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Cell:
    """One cell: its id, kind, tags and source, and what its directives say."""

    id: str
    kind: str
    source: str
    tags: frozenset[str] = frozenset()

    @cached_property
    def directives(self) -> dict[str, str]:
        """`#| name: value` lines by name."""
        return dict(_DIRECTIVE.findall("\n".join(self._split[0])))

    @cached_property
    def code(self) -> str:
        """The source without its directive lines, without the marker lines and without a trailing newline."""
        return "\n".join(line for line in self._split[1] if line.strip() not in (BEGIN, END)).strip("\n")

    @cached_property
    def _split(self) -> tuple[list[str], list[str]]:
        """The directive lines, and all the others; a line inside a string is no directive, whatever it looks like."""
        lines = self.source.split("\n")
        said = {row for row, line in enumerate(lines) if self.kind == "code" and line.startswith("#|")}
        if said != set(range(len(said))):  # not all stand at the top
            said -= _inside_strings(self.source)
        return [lines[row] for row in sorted(said)], [line for row, line in enumerate(lines) if row not in said]

    @cached_property
    def exercise(self) -> str | None:
        """The exercise's id (`m01-04-ex1`), whichever of the cell's line or its cell id still carries it."""
        named = self.directives.get("exercise")
        return named or (self.id if re.fullmatch(r"m\d\d-\d\d-ex\d+", self.id) else None)

    @property
    def is_exported(self) -> bool:
        """Whether the cell goes into the package."""
        return "export" in self.directives

    @property
    def is_pasted_answer(self) -> bool:
        """Whether it is an exercise's cell whose directives are gone, and which holds code."""
        return self.kind == "code" and not self.is_exported and bool(self.exercise and self.code.strip())

    @property
    def has_markers(self) -> bool:
        """Whether a solution is marked in it."""
        return BEGIN in self.source or END in self.source

    def solution_is_well_marked(self) -> bool:
        """Whether there is exactly one solution, between one begin and one end marker."""
        return self.source.count(BEGIN) == self.source.count(END) == len(_MARKED.findall(self.source)) == 1

    def stub(self) -> str:
        """The source with the solution replaced by a `raise` that says which exercise is waiting."""
        return _MARKED.sub(lambda match: f'{match[1]}raise NotImplementedError("{self.exercise}")', self.source)


@dataclass(frozen=True)
class Notebook:
    """A notebook as the course sees it: where it is, what it says of itself, its cells."""

    path: Path
    course: dict[str, Any]
    cells: tuple[Cell, ...]
    node: Node

    @classmethod
    def read(cls, path: Path) -> "Notebook":
        """Read *path*.

        Raises:
            CourseError: the file is missing or is no notebook.
        """
        node = read_node(path)
        cells = tuple(cell_of(each) for each in node.cells)
        return cls(path, dict(node.metadata.get("course", {})), cells, node)

    @property
    def exported(self) -> tuple[Cell, ...]:
        """The cells that go into the package."""
        return tuple(cell for cell in self.cells if cell.is_exported)

    @property
    def exercises(self) -> dict[str, Cell]:
        """The exercise cells by exercise id."""
        return {cell.exercise: cell for cell in self.cells if cell.exercise and cell.is_exported}

    @property
    def module(self) -> str:
        """The dotted name below `ingestion` that the notebook exports, from `#| default_exp`; empty if there is none."""
        return next((cell.directives["default_exp"] for cell in self.cells if "default_exp" in cell.directives), "")

    def target(self, cell: Cell) -> str:
        """The module that an exported cell goes to: named on its `#| export` line, else the notebook's own."""
        return cell.directives.get("export") or self.module


def read_node(path: Path) -> Node:
    """Read a notebook file.

    Raises:
        CourseError: the file is missing, or is no notebook.
    """
    try:
        node = from_text(path.read_text(encoding="utf-8"))
        for cell in node.cells:
            cell.source = "".join(cell.source).replace("\r\n", "\n")  # the file format allows a list of lines
            _ = (cell.cell_type, cell.metadata.get, node.metadata.get)
    except OSError as error:
        raise CourseError(f"{path.name}: cannot be read ({error.strerror}); {_how_to_restore(path)}") from None
    except (ValueError, AttributeError, TypeError) as error:
        raise CourseError(f"{path.name}: not a notebook ({_reason(error)}); {_how_to_restore(path)}") from None
    return node


def cell_of(node: Node) -> Cell:
    """See one cell of a file as a `Cell`."""
    tags = node.metadata.get("tags", [])
    return Cell(node.get("id", ""), node.cell_type, node.source, frozenset(tags if isinstance(tags, list) else ()))


def _how_to_restore(path: Path) -> str:
    for module, folder in FOLDERS.items():
        if path.parent.name == folder and path.parent.parent.name == "modules":
            return f"restore it with git or `python grade.py reset {module}.{path.name[:2]}`"
    return "restore it with git"


def _inside_strings(source: str) -> set[int]:
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError):
        return set()
    strings = [each for each in nodes if isinstance(each, ast.Constant | ast.JoinedStr)]
    return {row for each in strings for row in range(each.lineno, each.end_lineno or each.lineno)}


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0][:120] if str(error) else type(error).__name__
