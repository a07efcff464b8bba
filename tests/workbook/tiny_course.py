"""A course of a few cells, made in a temporary folder, so that each test can spoil one thing in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from workbook.course import Lesson, find_lesson

Node = dict[str, Any]

EXERCISE = '''\
#| export
#| exercise: {id}
def {name}(count: int) -> int:
    """Double *count*."""
    ### BEGIN SOLUTION
    return 2 * count
    ### END SOLUTION'''

CHECKPOINT = '''\
"""Doubling."""

from ingestion.{module} import {name}
from workbook.grading import expect


def test_ex1_doubles() -> None:
    """Twice the count comes back."""
    expect({name}(21) == 42, expected="42 for 21", came={name}(21), hint=1)


def test_ex1_doubles_nothing() -> None:
    """Nothing stays nothing."""
    expect({name}(0) == 0, expected="0 for 0", came={name}(0))
'''

MISTAKE = '''\
"""Adds {number}: people take one example for the rule."""
#| exercise: {id}
#| caught by: test_ex1_doubles
def {name}(count: int) -> int:
    return count + {number}
'''


def code(cell_id: str, source: str, *tags: str) -> Node:
    """A code cell."""
    return {
        "id": cell_id,
        "cell_type": "code",
        "source": source,
        "metadata": {"tags": list(tags)} if tags else {},
        "outputs": [],
        "execution_count": None,
    }


def text(cell_id: str, source: str) -> Node:
    """A markdown cell."""
    return {"id": cell_id, "cell_type": "markdown", "source": source, "metadata": {}}


class TinyLesson:
    """A lesson in order: change `cells` or `course`, then `save`."""

    def __init__(self, root: Path, number: int, name: str) -> None:
        self.root, self.number, self.name = root, number, name
        self.slug, self.module = f"m01-{number:02d}", f"tiny.{name}"
        self.course: Node = {"lesson": f"m01.{number:02d}", "minutes": 10, "needs": [], "exports": self.module}
        self.mistakes = 4
        self.cells: list[Node] = [
            text(f"{self.slug}-c01", f"# {number:02d} · {name}"),
            code(
                f"{self.slug}-c02",
                f'#| default_exp {self.module}\n#| export\n"""The {name} of a number."""\n\nimport math',
            ),
            code(f"{self.slug}-ex1", EXERCISE.format(id=f"{self.slug}-ex1", name=name), "exercise"),
            code(f"{self.slug}-c03", 'lab.check("ex1")', "check"),
        ]

    def cell(self, name: str) -> Node:
        """The cell called `c02` or `ex1`."""
        return next(each for each in self.cells if each["id"] == f"{self.slug}-{name}")

    @property
    def lesson(self) -> Lesson:
        return find_lesson(f"m01.{self.number:02d}", self.root)

    def notebook(self) -> Node:
        return {"cells": self.cells, "metadata": {"course": self.course}, "nbformat": 4, "nbformat_minor": 5}

    def save(self) -> TinyLesson:
        """Write the master, its checkpoint and its mistakes."""
        stem = f"{self.number:02d}_{self.name}"
        checkpoints = self.root / "checkpoints/m01_rest"
        mistakes = checkpoints / "mistakes" / stem
        for folder in (self.root / "solutions/m01_rest", self.root / "ingestion", mistakes):
            folder.mkdir(parents=True, exist_ok=True)
        (self.root / f"solutions/m01_rest/{stem}.ipynb").write_text(json.dumps(self.notebook()), encoding="utf-8")
        names = {"id": f"{self.slug}-ex1", "name": self.name, "module": self.module}
        (checkpoints / f"test_{stem}.py").write_text(CHECKPOINT.format(**names), encoding="utf-8")
        for number in range(self.mistakes):
            (mistakes / f"adds_{number}.py").write_text(MISTAKE.format(number=number, **names), encoding="utf-8")
        return self


def tiny_course(root: Path, *names: str) -> list[TinyLesson]:
    """A course with a lesson for each name, in order."""
    return [TinyLesson(root, number, name).save() for number, name in enumerate(names or ("doubled",), start=1)]
