"""Run a solution from top to bottom under papermill, as an instructor would."""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from workbook.course import ROOT, Lesson

_LIMIT_S = 180


def run_solution(lesson: Lesson) -> str:
    """Run *lesson*'s master in a clean kernel. Returns an empty text, or one line that says what failed."""
    with TemporaryDirectory() as folder:
        out = Path(folder, "out.ipynb")
        command = [sys.executable, "-m", "papermill", str(lesson.master), str(out), "--cwd", str(lesson.master.parent)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
        try:
            ran = subprocess.run(
                [*command, "--no-progress-bar", "--no-request-save-on-cell-execute"],
                capture_output=True,
                text=True,
                encoding="utf-8",
                timeout=_LIMIT_S,
                check=False,
                cwd=ROOT,
                env=environment,
            )
        except subprocess.TimeoutExpired:
            return f"{lesson.master.name} has not finished within {_LIMIT_S} s"
    if ran.returncode == 0:
        return ""
    lines = [line for line in ran.stderr.splitlines() if line.strip()]
    return f"{lesson.master.name} fails under papermill: {lines[-1] if lines else f'exit {ran.returncode}'}"
