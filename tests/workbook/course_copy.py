"""A learner's checkout: the course's machinery and a few of its lessons, copied, so that a test can work in it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from workbook.authoring.build import build, write
from workbook.authoring.cells import Notebook
from workbook.course import ROOT, Lesson, lessons
from workbook.stack.environment import MARKER

CHOSEN = ("m01.01", "m01.04", "m01.07")


class CourseCopy:
    """Runs commands in a copied checkout as its learner would, on the servers of this one."""

    def __init__(self, root: Path, urls: dict[str, str], chosen: tuple[str, ...] = CHOSEN) -> None:
        self.root = root
        self.environment = {name: value for name, value in os.environ.items() if name not in (MARKER, "CHECK_SEED")}
        self.environment |= {**urls, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
        shutil.copytree(ROOT / "workbook", root / "workbook", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("grade.py", "pyproject.toml", "checkpoints/conftest.py"):
            self._copy(ROOT / name)
        for lesson in lessons():
            if str(lesson.id) in chosen:
                for path in (lesson.master, lesson.checkpoint, lesson.mistakes, lesson.answers):
                    self._copy(path)
        shutil.copytree(ROOT / "ingestion", root / "ingestion", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
        write(build(root), root)

    def _copy(self, path: Path) -> None:
        there = self.root / path.relative_to(ROOT)
        there.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if path.is_dir() else shutil.copyfile)(path, there)

    def lesson(self, name: str) -> Lesson:
        return next(lesson for lesson in lessons(self.root) if str(lesson.id) == name)

    def checks(self, name: str, exercise: str = "") -> int:
        """Count the checks of a lesson, or of one exercise."""
        checkpoint = self.lesson(name).checkpoint.read_text(encoding="utf-8")
        return len(re.findall(rf"^(?:async )?def test_{exercise}", checkpoint, re.MULTILINE))

    def answer(self, name: str, **instead: str) -> None:
        """Write the reference's answers into a learner's notebook, or what *instead* says for an exercise."""
        lesson = self.lesson(name)
        answers = {cell.id: cell.code for cell in Notebook.read(lesson.master).exercises.values()}
        node = self.read(lesson)
        for cell in node["cells"]:
            if cell["id"] in answers:
                short = cell["id"].rpartition("-")[2]
                said = f"#| export\n#| exercise: {cell['id']}\n"
                cell["source"] = said + instead.get(short, answers[cell["id"]])
        self.write(lesson, node)

    def read(self, lesson: Lesson) -> dict[str, Any]:
        node: dict[str, Any] = json.loads(lesson.notebook.read_text(encoding="utf-8"))
        return node

    def write(self, lesson: Lesson, node: dict[str, Any]) -> None:
        lesson.notebook.write_text(json.dumps(node), encoding="utf-8")

    def grade(self, *arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `grade.py`."""
        return subprocess.run(
            self.command(*arguments),
            env={**self.environment, **environment},
            cwd=cwd or self.root,
            check=False,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
        )

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, str(self.root / "grade.py"), *arguments]
