"""Compare solutions that have run under papermill with the outputs they are kept with, by nbval's own comparison.

A pytest plugin: `pytest -p workbook.grading.executed --executed FOLDER solutions` does what `pytest --nbval solutions` does,
with the notebooks that `grade.py m01 --solutions --executed FOLDER` has left there in the place of a second kernel.
"""

from collections import deque
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbval.plugin import IPyNbFile

from workbook.grading.solutions import executed_notebook


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--executed`."""
    parser.addoption("--executed", type=Path, help="compare with the notebooks that were run into this folder")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect each master as nbval does."""
    if file_path.suffix != ".ipynb" or not parent.config.option.executed:
        return None
    collected: pytest.Collector = ExecutedFile.from_parent(parent, path=file_path)
    return collected


class ExecutedFile(IPyNbFile):  # type: ignore[misc]
    """A master whose cells have run already."""

    def setup(self) -> None:
        """Take what the run has left, in the place of a kernel."""
        self.kernel = FinishedKernel(executed_notebook(self.config.option.executed, self.path))
        self.setup_sanitize_files()


class FinishedKernel:
    """Answers as a kernel would, with the outputs that each cell gave when it ran."""

    def __init__(self, path: Path) -> None:
        self._path = path
        node = nbformat.read(path, as_version=4)
        self._cells = iter([cell for cell in node.cells if cell.cell_type == "code"])
        self._messages: deque[dict[str, Any]] = deque()

    def is_alive(self) -> bool:
        """Say yes: it has an answer for each cell."""
        return True

    def execute_cell_input(self, source: str, *, allow_stdin: bool = False) -> str:
        """Find the next cell with this *source*; gives its id.

        Raises:
            RuntimeError: No such cell has run.
        """
        for cell in self._cells:
            if cell.source == source and cell.execution_count is not None:
                self._messages = deque(_message(cell.id, output) for output in cell.outputs)
                self._messages.append(_message(cell.id, {"output_type": "status", "execution_state": "idle"}))
                return str(cell.id)
        raise RuntimeError(f"{self._path} is of another notebook, or did not run to its end: run the solutions again")

    def await_reply(self, _: str, timeout: float | None = None) -> None:
        """Return at once: it has come."""

    def await_idle(self, _: str, timeout: float | None = None) -> None:
        """Return at once: nothing runs."""

    def get_message(self, _: str, timeout: float | None = None) -> dict[str, Any]:
        """Give the cell's next message."""
        return self._messages.popleft()

    def stop(self) -> None:
        """Do nothing."""


def _message(cell_id: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"parent_header": {"msg_id": cell_id}, "msg_type": content["output_type"], "content": content}
