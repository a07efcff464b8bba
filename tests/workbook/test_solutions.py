"""Solutions are run under papermill once, and nbval compares what that run gave with what is kept."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.workbook.tiny_course import TinyLesson, code
from workbook.course import ROOT, Lesson
from workbook.grading.cli import main
from workbook.grading.solutions import executed_notebook, run_solution


def lesson_of(root: Path, *cells: dict[str, Any]) -> Lesson:
    """A lesson whose master has these code cells and no others."""
    tiny = TinyLesson(root, 1, "doubled")
    tiny.cells = list(cells)
    tiny.save()
    node = tiny.notebook()
    node["metadata"] |= {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    tiny.lesson.master.write_text(json.dumps(node), encoding="utf-8")
    return tiny.lesson


def keep_outputs(lesson: Lesson, executed: Path) -> None:
    """Keep in the master what the run gave."""
    ran = json.loads(executed_notebook(executed, lesson.master).read_text(encoding="utf-8"))
    node = json.loads(lesson.master.read_text(encoding="utf-8"))
    for cell, finished in zip(node["cells"], ran["cells"], strict=True):
        cell |= {name: finished[name] for name in ("outputs", "execution_count")}
    lesson.master.write_text(json.dumps(node), encoding="utf-8")


def compare(lesson: Lesson, executed: Path) -> subprocess.CompletedProcess[str]:
    """Run nbval over the executed notebook."""
    options = ["-q", "-p", "no:cacheprovider", "-p", "workbook.grading.executed", "--executed", str(executed)]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, "--rootdir", str(lesson.root), str(lesson.master)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "nbval.plugin"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lesson, Path]:
    """A master with kept outputs, and the folder that it was run into."""
    folder = tmp_path_factory.mktemp("ran")
    lesson = lesson_of(
        folder / "course",
        code("m01-01-c01", "import os\nprint('one')\nprint('two')"),
        code("m01-01-c02", "6 * 7"),
        code("m01-01-c03", "os.urandom(8)", "nbval-ignore-output"),
    )
    assert run_solution(lesson, executed_notebook(folder / "executed", lesson.master)) == ""
    keep_outputs(lesson, folder / "executed")
    return lesson, folder / "executed"


def changed(path: Path, folder: Path, number: int, **fields: Any) -> Path:
    """Write a copy of the notebook at *path* in *folder* with one code cell changed."""
    node = json.loads(path.read_text(encoding="utf-8"))
    node["cells"][number] |= fields
    copy = folder / path.parent.name / path.name
    copy.parent.mkdir(parents=True)
    copy.write_text(json.dumps(node), encoding="utf-8")
    return folder


def test_what_a_run_gave_is_compared_with_what_is_kept(ran: tuple[Lesson, Path]) -> None:
    compared = compare(*ran)
    assert compared.returncode == 0, compared.stdout
    assert "3 passed" in compared.stdout


STREAM = {"output_type": "stream", "name": "stdout", "text": "one\nthree\n"}
WARNING = {"output_type": "stream", "name": "stderr", "text": "UserWarning: beware\n"}
ERROR = {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": []}


@pytest.mark.parametrize(
    ("number", "fields", "said"),
    [
        (0, {"outputs": [STREAM]}, "Cell outputs differ"),
        (0, {"outputs": []}, "Missing output fields"),
        (1, {"outputs": [WARNING]}, "Cell outputs differ"),
        (1, {"outputs": [ERROR]}, "Cell execution caused an exception"),
        (2, {"outputs": [ERROR]}, "Cell execution caused an exception"),
        (1, {"source": "6 * 8"}, "run the solutions again"),
        (2, {"execution_count": None}, "run the solutions again"),
    ],
    ids=["other text", "nothing", "a warning", "an error", "an error where outputs vary", "other code", "half a run"],
)
def test_a_run_that_gave_something_else_fails(
    ran: tuple[Lesson, Path], tmp_path: Path, number: int, fields: dict[str, Any], said: str
) -> None:
    lesson, executed = ran
    compared = compare(lesson, changed(executed_notebook(executed, lesson.master), tmp_path, number, **fields))
    assert compared.returncode == 1, compared.stdout
    assert said in compared.stdout


def test_a_solution_that_was_never_run_fails(ran: tuple[Lesson, Path], tmp_path: Path) -> None:
    compared = compare(ran[0], tmp_path)
    assert compared.returncode == 1, compared.stdout
    assert "No such file" in compared.stdout


def test_a_solution_that_fails_is_one_line(tmp_path: Path) -> None:
    lesson = lesson_of(tmp_path, code("m01-01-c01", "x = 1"), code("m01-01-c02", "raise ValueError('no such thing')"))
    assert run_solution(lesson) == f"{lesson.master.name} fails under papermill: ValueError: no such thing"


def test_a_solution_that_does_not_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does its kernel go on."""
    monkeypatch.setattr("workbook.grading.solutions._LIMIT_S", 8)
    told = tmp_path / "pid"
    source = f"import os, time, pathlib\npathlib.Path({str(told)!r}).write_text(str(os.getpid()))\ntime.sleep(600)"
    lesson = lesson_of(tmp_path / "course", code("m01-01-c01", source))
    assert run_solution(lesson) == f"{lesson.master.name} has not finished within 8 s"
    kernel = (
        [psutil.Process(int(told.read_text()))] if told.exists() and psutil.pid_exists(int(told.read_text())) else []
    )
    assert not psutil.wait_procs(kernel, timeout=10)[1]


def test_executed_goes_with_solutions(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["m01.01", "--executed", "somewhere"]) == 2
    assert "--executed goes with --solutions" in capsys.readouterr().err
