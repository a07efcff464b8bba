"""From exported cells to the text of a module that reads as if written by hand."""

import ast
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from ruff import find_ruff_bin  # type: ignore[import-untyped]

from workbook.course import ROOT, CourseError

HEADER = "# Made from {origin}: edit it there."


def assemble(sources: Iterable[str], origin: str) -> str:
    """Join the code of exported cells into one module, not yet formatted.

    One header line, the docstring, every import (those for type checking apart), `__all__` of the public definitions,
    then the cells in order.

    Raises:
        SyntaxError: a cell does not parse.
    """
    docstring = ""
    imports: list[str] = []
    typing_imports: list[str] = []
    bodies: list[str] = []
    public: set[str] = set()
    for source in sources:
        lines, taken = source.replace("\r\n", "\n").split("\n"), set()
        statements = ast.parse(source).body
        crowded = {
            row for row, times in Counter(row for each in statements for row in _rows(each)).items() if times > 1
        }
        for statement in statements:
            rows = _rows(statement)
            if not crowded.isdisjoint(rows):  # `import json; limit = 3`: the line stays whole, where it is
                public |= {name for name in _defined(statement) if not name.startswith("_")}
                continue
            text = "\n".join(lines[row] for row in rows)
            if not docstring and not bodies and _is_docstring(statement):
                docstring = text
            elif isinstance(statement, ast.Import | ast.ImportFrom):
                imports.append(text)
            elif isinstance(statement, ast.If) and _is_type_checking(statement):
                typing_imports += [f"    {ast.unparse(each)}" for each in statement.body]
            else:
                public |= {name for name in _defined(statement) if not name.startswith("_")}
                continue
            taken |= set(rows)
        body = "\n".join(line for row, line in enumerate(lines) if row not in taken).strip("\n")
        bodies += [body] if body else []
    if typing_imports:
        imports += ["if TYPE_CHECKING:", *dict.fromkeys(typing_imports)]
    names = [f"__all__ = {sorted(public)!r}"] if public else []
    top = [HEADER.format(origin=origin) + "\n" + docstring, "\n".join(imports), *names]
    return "\n\n".join(part for part in top if part) + "\n\n\n" + "\n\n\n".join(bodies) + "\n"


def _rows(statement: ast.stmt) -> range:
    return range(statement.lineno - 1, statement.end_lineno or statement.lineno)


def _is_docstring(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _is_type_checking(statement: ast.If) -> bool:
    return (
        isinstance(statement.test, ast.Name)
        and statement.test.id == "TYPE_CHECKING"
        and not statement.orelse
        and all(isinstance(each, ast.Import | ast.ImportFrom) for each in statement.body)
    )


def _defined(statement: ast.stmt) -> set[str]:
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return {statement.name}
        case ast.Assign():
            return {target.id for target in statement.targets if isinstance(target, ast.Name)}
        case ast.AnnAssign(target=ast.Name(id=name)):
            return {name}
        case _:
            return set()


@cache
def defined_names(source: str) -> frozenset[str]:
    """Give the names that *source* defines at its top level; none if it does not parse."""
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return frozenset()
    return frozenset().union(*map(_defined, body))


def formatted(texts: Mapping[str, str]) -> dict[str, str]:
    """Sort the imports and `__all__` of every text and format it, all in three runs of ruff.

    Args:
        texts: Module texts by relative path.

    Raises:
        CourseError: ruff is missing or refuses a text.
    """
    with TemporaryDirectory() as folder:
        paths = {name: Path(folder, name) for name in texts}
        for name, path in paths.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(texts[name], encoding="utf-8")
        ruff, config = find_ruff_bin(), str(ROOT / "pyproject.toml")
        for command in (
            ["format", "--quiet", "--no-cache"],
            ["check", "--select", "I,RUF022", "--fix", "--quiet", "--no-cache"],
            ["format", "--quiet", "--no-cache"],
        ):
            ran = subprocess.run(
                [ruff, *command, "--config", config, folder],
                capture_output=True,
                text=True,
                check=False,
            )
            if ran.returncode:
                what = (ran.stderr or ran.stdout).replace(folder + "/", "").strip()
                raise CourseError(f"ruff could not tidy the exported code: {what}")
        return {name: path.read_text(encoding="utf-8") for name, path in paths.items()}
