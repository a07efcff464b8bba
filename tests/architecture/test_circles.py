"""No module of the package needs one that needs it, not even for its types."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

from workbook.course import ROOT


def _needed(path: Path) -> set[str]:
    """The modules of the package that a module names in an import, wherever the import stands."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def test_modules_import_in_one_direction() -> None:
    paths = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path
        for path in (ROOT / "ingestion").rglob("*.py")
        if path.name != "__init__.py"
    }
    graph = {name: _needed(path) & paths.keys() for name, path in paths.items()}
    assert sum(map(len, graph.values())) > 100
    TopologicalSorter(graph).prepare()  # a CycleError names the circle
