"""Run a master notebook from top to bottom and keep only what running it again would give again."""

from pathlib import Path
from typing import Any

from workbook.authoring.cells import cell_of, read_node
from workbook.authoring.node import Node, to_text
from workbook.course import CourseError, Lesson

MEASURED = "nbval-ignore-output"
KEPT_METADATA = ("course", "kernelspec", "language_info")


def run(lesson: Lesson, *, timeout_s: float = 120) -> None:
    """Run *lesson*'s master in a clean kernel and save it, cleaned.

    Raises:
        CourseError: a cell failed; the message names the cell and the error.
    """
    import nbformat  # slow to import, and only needed where a kernel is started
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    read = read_node(lesson.master)
    tidy(read, lesson)
    node = nbformat.from_dict(read)
    client = NotebookClient(
        node, timeout=timeout_s, kernel_name="python3", resources={"metadata": {"path": lesson.master.parent}}
    )
    try:
        client.execute()
    except CellExecutionError as error:
        raise CourseError(f"{lesson.master.name}: {error.ename}: {error.evalue}\n{error.traceback[-1500:]}") from None
    except (CellTimeoutError, DeadKernelError) as error:
        raise CourseError(f"{lesson.master.name}: {str(error).splitlines()[0]}") from None
    clean(node)
    save(lesson.master, node)


def save(path: Path, node: dict[str, Any]) -> None:
    """Write a notebook, the same bytes for the same content."""
    path.write_text(to_text(node), encoding="utf-8")


def tidy(node: Node, lesson: Lesson) -> None:
    """Give every cell a stable id: an exercise its exercise's, any other the one it has if that is the lesson's, else the next."""
    prefix = f"{lesson.id.slug}-"
    taken: set[str] = set()
    number = 0
    for each in node.cells:
        wanted = cell_of(each).directives.get("exercise") or (
            each.get("id", "") if each.get("id", "").startswith(prefix) else ""
        )
        while not wanted or wanted in taken:
            number += 1
            wanted = f"{prefix}c{number:02d}"
        taken.add(wanted)
        each["id"] = wanted
        if _is_only_a_docstring(each):
            each.metadata["tags"] = sorted({*each.metadata.get("tags", []), MEASURED})
    node.nbformat, node.nbformat_minor = 4, 5
    node.metadata = Node({key: node.metadata[key] for key in KEPT_METADATA if key in node.metadata})
    node.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    node.metadata["language_info"] = {"name": "python"}


def _is_only_a_docstring(node: Node) -> bool:
    """Whether an exported cell holds nothing but a text, which a kernel may or may not echo."""
    cell = cell_of(node)
    return (
        cell.is_exported
        and cell.code.startswith('"""')
        and cell.code.rstrip(";").find('"""', 3) == len(cell.code.rstrip(";")) - 3
    )


def clean(node: Any) -> None:
    """Drop everything that would differ next time: timings, counters of other sessions, outputs of measuring cells."""
    for count, cell in enumerate((cell for cell in node.cells if cell.cell_type == "code"), start=1):
        tags = cell.metadata.get("tags", [])
        cell.metadata = Node({"tags": sorted(tags)} if tags else {})
        cell.outputs = [] if MEASURED in tags else [_cleaned(output, count) for output in cell.outputs]
        cell.execution_count = count
    for cell in node.cells:
        if cell.cell_type == "markdown":
            tags = cell.metadata.get("tags", [])
            cell.metadata = Node({"tags": sorted(tags)} if tags else {})
    node.metadata["language_info"] = {"name": "python"}


def _cleaned(output: Any, count: int) -> Any:
    if output.output_type == "execute_result":
        output.execution_count = count
    if "metadata" in output:
        output.metadata = {}
    return output
