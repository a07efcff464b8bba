"""Checks answers to a tiny lesson: what its tests know of the world is `ingestion.tiny.doubled`."""

from __future__ import annotations

from pathlib import Path

from tests.workbook.tiny_course import TinyLesson, code
from workbook.authoring.cells import Cell
from workbook.grading.candidate import Candidate, candidate
from workbook.grading.sandbox import Reference, Sandbox
from workbook.grading.verdict import Verdict

STUB = 'raise NotImplementedError("m01-01-ex1")'


class Graded:
    """One tiny lesson with a warm sandbox."""

    def __init__(self, root: Path, timeout_s: float = 30.0) -> None:
        self.tiny = TinyLesson(root, 1, "doubled")
        self.tiny.cells.append(code("m01-01-c04", '#| export __init__\n"""A tiny package.""";'))
        self.tiny.save()
        self.sandbox = Sandbox(Reference(root), timeout_s=timeout_s)

    def candidate(self, body: str, above: str = "", below: str = "") -> Candidate:
        """The answer whose function has this *body*, with code *above* and *below* it in its cell."""
        lines = ["#| export", "#| exercise: m01-01-ex1", *above.splitlines(), "def doubled(count: int) -> int:"]
        lines += [f"    {line}" for line in body.splitlines()] + below.splitlines()
        cell = Cell("m01-01-ex1", "code", "\n".join(lines))
        return candidate(self.tiny.lesson, self.sandbox.reference.notebooks[self.tiny.lesson], [cell])

    def check(self, body: str, above: str = "", below: str = "") -> Verdict:
        return self.sandbox.check(self.candidate(body, above, below), seed=7)
