"""Start a lesson anew: its notebook and its module as they came, the learner's own kept aside."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from workbook.authoring.build import build, text_of
from workbook.course import Lesson
from workbook.grading import progress


def reset(lesson: Lesson) -> Iterator[str]:
    """Bring back the notebook and the modules of *lesson*, keeping what was there. Yields a line for each file.

    Raises:
        CourseError: the masters cannot be built.
    """
    built = build(lesson.root)
    kept = lesson.root / ".workbook" / "backup" / f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{lesson.id}"
    changed = False
    for path, text in {**built.notebooks, **built.modules}.items():
        there = lesson.root / path
        if built.lesson_of[path] != lesson or (there.exists() and text_of(there) == text):
            continue
        changed = True
        if there.exists():
            _keep(there, kept / path)
        there.write_text(text, encoding="utf-8")
        yield f"{path} is as it came; yours is in {kept.relative_to(lesson.root).as_posix()}/"
    progress.forget(str(lesson.id), lesson.root)
    if not changed:
        yield f"{lesson.id} is as it came already"


def _keep(there: Path, kept: Path) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(there, kept)
