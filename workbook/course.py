"""Where each lesson's files stand: one place that turns `m01.04` into paths and back."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {"m01": "m01_rest", "m02": "m02_push", "m03": "m03_saas", "m04": "m04_orchestration"}
PHASES = {"phase1": "orders, webhooks and files, landed and published"}

_LESSON_ID = re.compile(r"m(\d\d)[.-](\d\d)")


class CourseError(Exception):
    """Something about the course's files is wrong; the message says what, where and what to do, in one line."""


@dataclass(frozen=True, order=True)
class LessonId:
    """A lesson's number: `m01.04` is the fourth of module 01."""

    module: str
    number: int

    @classmethod
    def parse(cls, text: str) -> "LessonId":
        """Read `m01.04` or `m01-04`.

        Raises:
            CourseError: it is neither, or names no module of the course.
        """
        match = _LESSON_ID.fullmatch(text.strip().lower())
        if not match or f"m{match[1]}" not in FOLDERS:
            raise CourseError(f"{text!r} is no lesson: write it like m01.04 (modules: {', '.join(FOLDERS)})")
        return cls(f"m{match[1]}", int(match[2]))

    def __str__(self) -> str:
        return f"{self.module}.{self.number:02d}"

    @property
    def slug(self) -> str:
        """The form used in cell ids: `m01-04`."""
        return f"{self.module}-{self.number:02d}"


@dataclass(frozen=True, order=True)
class Lesson:
    """One lesson and the files that belong to it, below *root*."""

    id: LessonId
    name: str
    root: Path = ROOT

    @property
    def _folder(self) -> str:
        return FOLDERS[self.id.module]

    @property
    def stem(self) -> str:
        """File name without its ending: `04_backoff`."""
        return f"{self.id.number:02d}_{self.name}"

    @property
    def master(self) -> Path:
        """The notebook that authors write."""
        return self.root / "solutions" / self._folder / f"{self.stem}.ipynb"

    @property
    def notebook(self) -> Path:
        """The notebook that learners work in."""
        return self.root / "modules" / self._folder / f"{self.stem}.ipynb"

    @property
    def checkpoint(self) -> Path:
        """The tests that decide whether an answer is right."""
        return self.root / "checkpoints" / self._folder / f"test_{self.stem}.py"

    @property
    def mistakes(self) -> Path:
        """Folder of wrong answers that the checkpoint must catch."""
        return self.root / "checkpoints" / self._folder / "mistakes" / self.stem

    @property
    def answers(self) -> Path:
        """Folder of right answers, written differently, that the checkpoint must accept."""
        return self.root / "checkpoints" / self._folder / "answers" / self.stem


def lessons(root: Path = ROOT, module: str | None = None) -> Iterator[Lesson]:
    """Yield every lesson that has a master notebook, in course order; only those of *module* if given."""
    for key, folder in FOLDERS.items():
        if module in (None, key):
            for path in sorted((root / "solutions" / folder).glob("[0-9][0-9]_*.ipynb")):
                number, _, name = path.stem.partition("_")
                yield Lesson(LessonId(key, int(number)), name, root)


def find_lesson(text: str, root: Path = ROOT) -> Lesson:
    """Give the lesson called *text* (`m01.04`).

    Raises:
        CourseError: no such lesson; the message lists the module's lessons.
    """
    wanted = LessonId.parse(text)
    in_module = list(lessons(root, wanted.module))
    for lesson in in_module:
        if lesson.id == wanted:
            return lesson
    known = f"{in_module[0].id} to {in_module[-1].id}" if in_module else "none yet"
    raise CourseError(f"there is no lesson {wanted}; {wanted.module} has {known}")
