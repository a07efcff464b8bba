"""The check in its place: a kernel runs the learner's cells, `lab.check` answers, and a passed lesson's module is theirs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import nbformat
import pytest
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient

from tests.workbook.course_copy import CourseCopy
from workbook.authoring.cells import Cell, Notebook

HEADER = "# Made from modules/m01_rest/04_backoff.ipynb: edit it there.\n"


class Kernel:
    """A running kernel, as a notebook editor talks to it."""

    def __init__(self, course: CourseCopy) -> None:
        self._manager = KernelManager(kernel_name="python3")
        self._manager.start_kernel(env=course.environment, cwd=course.lesson("m01.04").notebook.parent)
        self._client = self._manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=60)

    def run(self, source: str, cell_id: str | None = None) -> str:
        """Run a cell and give all that it printed; with *cell_id* as JupyterLab does it, without as others do."""
        content = {"code": source, "silent": False, "store_history": True, "allow_stdin": False, "stop_on_error": True}
        message = self._client.session.msg("execute_request", {**content, "user_expressions": {}})
        message["metadata"] = {"cellId": cell_id} if cell_id else {}
        self._client.shell_channel.send(message)
        said = ""
        while True:
            came: dict[str, Any] = self._client.get_iopub_msg(timeout=60)
            if came["parent_header"].get("msg_id") != message["header"]["msg_id"]:
                continue
            match came["msg_type"], came["content"]:
                case "stream", {"text": text}:
                    said += text
                case "error", {"ename": name, "evalue": value}:
                    said += f"{name}: {value}\n"
                case "status", {"execution_state": "idle"}:
                    return said

    def close(self) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory, stack: dict[str, str]) -> CourseCopy:
    return CourseCopy(tmp_path_factory.mktemp("course"), stack, ("m01.04",))


@pytest.fixture
def course(copied: CourseCopy) -> Iterator[CourseCopy]:
    """A checkout in which nobody has passed anything yet."""
    module = copied.root / "ingestion/resilience/backoff.py"
    reference = module.read_bytes()
    yield copied
    module.write_bytes(reference)
    (copied.root / ".workbook/progress.json").unlink(missing_ok=True)


@pytest.fixture
def kernel(course: CourseCopy) -> Iterator[Kernel]:
    running = Kernel(course)
    yield running
    running.close()


@pytest.fixture
def cells(course: CourseCopy) -> dict[str, Cell]:
    """The learner's exported cells and the set-up, by id, with the reference's answers in them."""
    master = Notebook.read(course.lesson("m01.04").master)
    needed = [cell for cell in master.cells if cell.is_exported or "setup" in cell.tags]
    return {cell.id: Cell(cell.id, "code", _solved(cell), cell.tags) for cell in needed}


def _solved(cell: Cell) -> str:
    return "\n".join(line for line in cell.source.split("\n") if "SOLUTION" not in line)


def module_of(course: CourseCopy) -> str:
    return (course.root / "ingestion/resilience/backoff.py").read_text(encoding="utf-8")


def test_a_learners_path_from_stub_to_wrong_to_right(course: CourseCopy) -> None:
    """Run by nbclient, whose kernels learn no cell ids; the demo cells, which take seconds, are left out."""
    lesson = course.lesson("m01.04")
    reference = module_of(course)
    node = nbformat.read(lesson.notebook, as_version=4)
    answers = {cell.id: _solved(cell) for cell in Notebook.read(lesson.master).exercises.values()}
    wrong = answers["m01-04-ex1"].replace("base_s * 2**attempt", "base_s * 2 ** (attempt + 1)")
    kept = [cell for cell in node.cells if cell.cell_type == "code" and "demo" not in cell.metadata.get("tags", [])]
    check = next(cell for cell in kept if cell.source == 'lab.check("ex1")')
    steps = []
    for cell in kept:
        if cell.id == "m01-04-ex1":
            for source in (cell.source, wrong, answers[cell.id]):
                steps += [nbformat.v4.new_code_cell(source), nbformat.v4.new_code_cell(check.source)]
        elif cell is not check:
            steps.append(nbformat.v4.new_code_cell(answers.get(cell.id, cell.source)))
    node.cells = steps
    NotebookClient(
        node, timeout=60, kernel_name="python3", resources={"metadata": {"path": lesson.notebook.parent}}
    ).execute(env=course.environment)
    said = ["".join(output.get("text", "") for output in cell.outputs) for cell in node.cells if "check" in cell.source]
    stub, not_yet, right, second, third = said
    of1, of2, of3 = (course.checks("m01.04", exercise) for exercise in ("ex1", "ex2", "ex3"))
    assert stub == f"m01.04  not started   0 of {of1}\n"
    assert not_yet.startswith("m01.04  not yet   ")
    assert "\n  expected  " in not_yet
    assert "\n  came      " in not_yet
    assert "(hint 2 fits)" in not_yet
    assert right == f"m01.04  passed   {of1} of {of1}\n          ex1 is right; next: ex2, ex3\n"
    assert second == f"m01.04  passed   {of2} of {of2}\n          ex2 is right; next: ex3\n"
    assert third == f"m01.04  passed   {of3} of {of3}\n          ingestion/resilience/backoff.py is now yours\n"
    assert module_of(course).startswith(HEADER)
    assert module_of(course) == HEADER + reference.partition("\n")[2], (
        "the reference's answers give the reference's module"
    )


def test_out_of_order_again_and_with_something_of_ones_own(
    course: CourseCopy, kernel: Kernel, cells: dict[str, Cell]
) -> None:
    def run(cell_id: str, source: str = "") -> str:
        return kernel.run(source or cells[cell_id].source, cell_id)

    reference = module_of(course)
    kernel.run("%config Application.verbose_crash=False")
    run("m01-04-ex3", cells["m01-04-ex3"].source.replace("uniform: Uniform = random.uniform", "uniform=None"))
    for cell_id, cell in cells.items():
        if not cell.exercise:
            run(cell_id)
    helper = "#| export\ndef twice(count: float) -> float:\n    return 2 * count"
    run("added-by-the-learner", helper)
    wrong = cells["m01-04-ex2"].source.replace("0.0, ", "9.0, ")
    run("m01-04-ex2", wrong)
    of1, of2, every = (course.checks("m01.04", exercise) for exercise in ("ex1", "ex2", ""))
    assert kernel.run('lab.check("ex1")') == f"m01.04  not started   0 of {of1}\n"
    assert kernel.run('lab.check("ex2")') == f"m01.04  not started   0 of {of2}   next: ex1\n", (
        "ex2 is written, and builds on ex1"
    )
    run("m01-04-ex1")
    assert "not yet" in kernel.run('lab.check("ex2")')
    run("m01-04-ex2")
    said = kernel.run("lab.check()")
    assert said == f"m01.04  passed   {every} of {every}\n          ingestion/resilience/backoff.py is now yours\n", (
        said
    )
    mine = module_of(course)
    assert mine.startswith(HEADER)
    assert "def twice(count: float)" in mine
    assert "9.0" not in mine
    assert mine != reference
    run("m01-04-ex2", wrong)
    assert "not yet" in kernel.run("lab.check()")
    assert module_of(course) == mine, "what passed once stays until something else passes"


def test_the_master_is_checked_but_never_exported(course: CourseCopy, kernel: Kernel, cells: dict[str, Cell]) -> None:
    reference = module_of(course)
    for cell in Notebook.read(course.lesson("m01.04").master).cells:
        if cell.id in cells:
            kernel.run(cell.source, cell.id)
    every = course.checks("m01.04")
    assert kernel.run("lab.check()") == f"m01.04  passed   {every} of {every}\n"
    assert module_of(course) == reference
    assert not (course.root / ".workbook/progress.json").exists()


def test_what_goes_wrong_in_the_notebook_is_one_line(
    course: CourseCopy, kernel: Kernel, cells: dict[str, Cell]
) -> None:
    setup = next(cell for cell in cells.values() if "setup" in cell.tags)
    assert kernel.run(setup.source.replace("m01.04", "m01.99")).startswith(
        "CourseError: there is no lesson m01.99; m01 has "
    )
    assert "is ready" in kernel.run(setup.source)
    kernel.run(f"#| export\n{'x' * 3} = (", "broken")  # does not parse, so it never ran; it is known all the same
    for cell in cells.values():
        kernel.run(cell.source, cell.id)
    said = kernel.run('lab.check("ex1")')
    assert "came      SyntaxError: '(' was never closed" in said
    assert "look at   cell broken, line 2: xxx = (" in said
    kernel.run("#| export\nxxx = 1", "broken")
    assert "passed" in kernel.run('lab.check("ex1")')
    assert "came      m01.04 has no exercise 'ex9': it has ex1, ex2, ex3" in kernel.run("lab.check('ex9')")


def test_a_kernel_that_ends_leaves_nothing_running(course: CourseCopy, cells: dict[str, Cell]) -> None:
    import psutil

    kernel = Kernel(course)
    for cell in cells.values():
        kernel.run(cell.source, cell.id)
    assert "passed" in kernel.run('lab.check("ex1")'), "it has imported everything, and waits for the next job"
    pid = int(kernel.run("import os; print(lab._sandbox._process.pid)"))
    assert psutil.pid_exists(pid)
    kernel.close()
    psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=10)
    assert not psutil.pid_exists(pid)
