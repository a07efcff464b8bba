"""A learner's first lesson, in a real browser: open it, type answers, run the checks, and find the module theirs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workbook.course_copy import CourseCopy

pytest.importorskip("selenium", reason="no selenium: `pip install -e '.[dev]'`")

from tests.browser.jupyterlab import NotebookPage, served, what_is_missing

pytestmark = pytest.mark.browser

NOTEBOOK = "modules/m01_rest/04_backoff.ipynb"
ANSWERS = {
    "m01-04-ex1": (
        "if attempt < 0 or not 0 < base_s <= cap_s: raise ValueError(attempt, base_s, cap_s)",
        "return cap_s if attempt >= math.log2(cap_s / base_s) else base_s * 2**attempt",
    ),
    "m01-04-ex2": ("return uniform(0.0, exponential_ceiling_s(attempt, base_s=base_s, cap_s=cap_s))",),
    "m01-04-ex3": ("return uniform(base_s, min(cap_s, 3 * max(base_s, previous_s)))",),
}


@pytest.fixture
def course(tmp_path: Path, stack: dict[str, str]) -> CourseCopy:
    return CourseCopy(tmp_path / "course", stack, ("m01.04",))


@pytest.fixture
def page(course: CourseCopy, tmp_path: Path) -> Iterator[NotebookPage]:
    if missing := what_is_missing():
        pytest.skip(missing)
    with served(course, tmp_path) as address:
        page = NotebookPage(address, NOTEBOOK, tmp_path / "profile")
        yield page
        page.close()


def test_type_run_check_and_own_the_module(course: CourseCopy, page: NotebookPage, tmp_path: Path) -> None:
    module = course.root / "ingestion/resilience/backoff.py"
    assert module.read_text(encoding="utf-8").startswith("# Made from solutions/")
    try:
        said = work_through(page)
        page.save()
    except Exception as error:
        picture = page.screenshot(tmp_path / "failed.png")
        raise AssertionError(f"{error}\nwhat the browser showed: {picture}") from error
    first, second, third = (course.checks("m01.04", exercise) for exercise in ("ex1", "ex2", "ex3"))
    assert said["ex1 as a stub"].startswith(f"m01.04  not started   0 of {first}\n")
    assert said["ex1"].splitlines() == [
        f"m01.04  passed   {first} of {first}",
        "          ex1 is right; next: ex2, ex3",
    ]
    assert said["ex2"].splitlines() == [f"m01.04  passed   {second} of {second}", "          ex2 is right; next: ex3"]
    assert said["ex3"].splitlines() == [
        f"m01.04  passed   {third} of {third}",
        "          ingestion/resilience/backoff.py is now yours",
    ]
    mine = module.read_text(encoding="utf-8")
    assert mine.startswith(f"# Made from {NOTEBOOK}: edit it there.\n")
    assert "raise ValueError(attempt, base_s, cap_s)" in mine
    graded = course.grade("m01.04")
    every = course.checks("m01.04")
    assert (graded.returncode, graded.stdout.strip()) == (0, f"m01.04  passed   {every} of {every}"), (
        "what was saved is graded alike"
    )


def work_through(page: NotebookPage) -> dict[str, str]:
    """Every cell but the demos, which take seconds; the answers typed in. Gives what each check said."""
    said = {}
    for index, cell in enumerate(page.cells()):
        tags = cell["metadata"].get("tags", [])
        if cell["cell_type"] != "code" or "demo" in tags:
            continue
        if cell["id"] == "m01-04-ex2":
            page.run(index)  # the stub first, as somebody would who reads on
        if cell["id"] in ANSWERS:
            if cell["id"] == "m01-04-ex1":
                page.run(index)
                check = next(at for at, each in enumerate(page.cells()) if each["source"] == 'lab.check("ex1")')
                said["ex1 as a stub"] = page.run(check)
            page.type_over_last_line(index, *ANSWERS[cell["id"]])
        below = page.run(index)
        if "check" in tags:
            said[cell["source"].split('"')[1]] = below
    return said
