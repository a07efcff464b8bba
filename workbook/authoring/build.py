"""Build `modules/` and `ingestion/` from `solutions/`, or say how they differ."""

import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from workbook.authoring.cells import Notebook, read_node
from workbook.authoring.learner import fingerprint, learner_copy
from workbook.authoring.module import HEADER, assemble, formatted
from workbook.authoring.node import Node, to_text
from workbook.authoring.refusals import Course, refusals
from workbook.course import ROOT, CourseError, Lesson, lessons

NO_MASTER = " (no master makes it)"


@dataclass(frozen=True)
class Built:
    """What the masters say should stand in `modules/` and `ingestion/`: texts by path relative to the root."""

    notebooks: dict[str, str]
    modules: dict[str, str]
    lesson_of: dict[str, Lesson]


@dataclass
class Difference:
    """How a checkout differs from its masters."""

    stale: list[str] = field(default_factory=list)
    learners: list[str] = field(default_factory=list)


def read_course(root: Path = ROOT) -> Course:
    """Read every master.

    Raises:
        CourseError: one is no notebook.
    """
    return Course([(lesson, Notebook.read(lesson.master)) for lesson in lessons(root)])


def module_path(module: str) -> str:
    """Give the path of a module named below `ingestion`: `rest.__init__` is the folder's own, `__init__` the package's."""
    return f"ingestion/{module.replace('.', '/')}.py"


def build(root: Path = ROOT, *, force: bool = False) -> Built:
    """Make every learner notebook and every module in memory.

    Args:
        root: The checkout.
        force: Build what can be built in spite of refusals, and print them: for a lesson that is half written.

    Raises:
        CourseError: a line for each thing that the build refuses.
    """
    course = read_course(root)
    problems = list(refusals(course))
    if problems and not force:
        raise CourseError("\n".join(problems))
    for problem in problems:
        print(f"refused: {problem}", file=sys.stderr)
    notebooks, raw, lesson_of = {}, {}, {}
    for lesson, notebook in course.lessons:
        where = lesson.notebook.relative_to(root).as_posix()
        notebooks[where] = to_text(learner_copy(notebook.node))
        lesson_of[where] = lesson
        sources: dict[str, list[str]] = {}
        for cell in notebook.exported:
            sources.setdefault(module_path(notebook.target(cell)), []).append(cell.code)
        for path, codes in sources.items():
            with suppress(SyntaxError):  # refused above
                raw[path] = assemble(codes, lesson.master.relative_to(root).as_posix())
                lesson_of[path] = lesson
    return Built(notebooks, formatted(raw), lesson_of)


def compare(built: Built, root: Path = ROOT) -> Difference:
    """Say what is stale, and which lessons hold a learner's own work: a normal state, never a fault."""
    difference = Difference()
    for path, text in {**built.notebooks, **built.modules}.items():
        there = root / path
        if there.exists() and text_of(there) == text:
            continue
        theirs = is_learners(there, built.lesson_of[path], text)
        (difference.learners if theirs else difference.stale).append(path)
    made = {root / path for path in (*built.notebooks, *built.modules)}
    for there in (*root.glob("modules/*/*.ipynb"), *root.glob("ingestion/**/*.py")):
        if there not in made and ".ipynb_checkpoints" not in there.parts:
            difference.stale.append(f"{there.relative_to(root).as_posix()}{NO_MASTER}")
    return difference


def text_of(path: Path) -> str:
    """Read *path*, whatever it holds."""
    return path.read_text(encoding="utf-8", errors="replace")


def is_learners(there: Path, lesson: Lesson, built_text: str) -> bool:
    """Whether *there* holds a learner's work: a module made from their notebook, or a current notebook they have changed."""
    if not there.exists():
        return False
    text = text_of(there)
    if there.suffix == ".py":
        return text.startswith(HEADER.format(origin=lesson.notebook.relative_to(lesson.root).as_posix()))
    try:
        mine = read_node(there)
    except CourseError:
        return False
    stamp = mine.metadata.get("course", {}).get("built_from")
    return f'"built_from": "{stamp}"' in built_text and fingerprint_changed(mine, stamp)


def fingerprint_changed(node: Node, stamp: str) -> bool:
    """Whether anything in a learner's notebook has been run or written since it was built."""
    touched = any(cell.get("outputs") or cell.get("execution_count") for cell in node.cells)
    return touched or fingerprint(node.cells) != stamp


def write(built: Built, root: Path = ROOT, *, overwrite_learners: bool = False) -> list[str]:
    """Write what differs, and delete what was built from a master that is gone.

    A learner's own files stay unless *overwrite_learners*, and so do files that no build ever made. Returns the paths
    written or deleted.
    """
    difference = compare(built, root)
    texts = {**built.notebooks, **built.modules}
    written = []
    for path in difference.stale + (difference.learners if overwrite_learners else []):
        if path in texts:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(texts[path], encoding="utf-8")
        else:
            path = path.removesuffix(NO_MASTER)
            if not _was_built(text_of(root / path)):
                continue
            (root / path).unlink()
        written.append(path)
    return written


def _was_built(text: str) -> bool:
    return text.startswith(HEADER.partition("{")[0] + "solutions/") or '"built_from": "' in text
