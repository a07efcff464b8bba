"""Where a learner stands: the lessons that have passed, and the modules that are theirs now."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workbook.authoring.build import module_path
from workbook.course import ROOT
from workbook.grading.candidate import Candidate


def record(answer: Candidate) -> str:
    """Put a passed answer in place of the package's module and note it down. Returns the module's path."""
    path = module_path(answer.module)
    _replace(answer.lesson.root / path, answer.exported())
    note(str(answer.lesson.id), answer.lesson.root)
    return path


def note(lesson: str, root: Path = ROOT) -> None:
    """Note that *lesson* has passed."""
    passed = load(root)
    passed[lesson] = {"passed_at": datetime.now(UTC).isoformat(timespec="seconds")}
    _file(root).parent.mkdir(exist_ok=True)
    _replace(_file(root), json.dumps(passed, indent=1, sort_keys=True) + "\n")


def forget(lesson: str, root: Path = ROOT) -> None:
    """Take a lesson out of the notes; harmless if it is not in them."""
    passed = load(root)
    if passed.pop(lesson, None):
        _replace(_file(root), json.dumps(passed, indent=1, sort_keys=True) + "\n")


def load(root: Path = ROOT) -> dict[str, Any]:
    """Give the lessons that have passed; none when there are no notes or they cannot be read."""
    try:
        passed = json.loads(_file(root).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return passed if isinstance(passed, dict) else {}


def _file(root: Path) -> Path:
    return root / ".workbook" / "progress.json"


def _replace(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    beside = path.with_name(path.name + ".new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
