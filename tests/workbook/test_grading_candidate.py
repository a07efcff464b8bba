"""Which cell is which: whatever an editor or a learner does to a notebook, their answer is found in it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.workbook.tiny_course import EXERCISE, TinyLesson, code
from workbook.authoring.cells import Cell, Notebook
from workbook.course import Lesson
from workbook.grading.candidate import Candidate, Line, candidate
from workbook.workbench import RunCells

Make = Callable[..., Candidate]

RIGHT = "#| export\n#| exercise: m01-01-ex1\ndef doubled(count: int) -> int:\n    return count + count"


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lesson, Notebook]:
    tiny = TinyLesson(tmp_path_factory.mktemp("course"), 1, "doubled")
    tiny.cells.insert(
        2,
        code("m01-01-c05", "#| export\nLIMIT = 100\n\n\ndef clipped(count: int) -> int:\n    return min(count, LIMIT)"),
    )
    second = EXERCISE.format(id="m01-01-ex2", name="twice").replace("2 * count", "doubled(count)")
    tiny.cells.insert(4, code("m01-01-ex2", second, "exercise"))
    tiny.save()
    return tiny.lesson, Notebook.read(tiny.lesson.master)


@pytest.fixture
def made_from(master: tuple[Lesson, Notebook]) -> Make:
    return lambda *cells: candidate(*master, cells)


def names_in(answer: Candidate) -> list[str]:
    return [line.split("(")[0] for line in answer.text().splitlines() if line.startswith(("def ", "LIMIT"))]


def test_nothing_written_is_all_stubs(made_from: Make) -> None:
    answer = made_from()
    assert answer.is_untouched
    assert not answer.is_master
    assert answer.untouched == {"m01-01-ex1", "m01-01-ex2"}
    assert 'raise NotImplementedError("m01-01-ex2")' in answer.text()


@pytest.mark.parametrize(
    "cell",
    [
        Cell("m01-01-ex1", "code", RIGHT),
        Cell("m01-01-ex1", "code", RIGHT.replace("#| exercise: m01-01-ex1\n", "")),
        Cell("", "code", RIGHT),
        Cell("b3f1-from-an-editor", "code", RIGHT),
        Cell("b3f1-from-an-editor", "code", RIGHT.replace("#| exercise: m01-01-ex1\n", "")),
        Cell("b3f1-from-an-editor", "code", "import operator\n" + RIGHT),
        Cell("m01-01-ex1", "code", RIGHT.partition("ex1\n")[2]),
        Cell("m01-01-ex1", "code", RIGHT.replace("#| export\n", "")),
    ],
    ids=[
        "both",
        "by id",
        "by its line",
        "by its line, other id",
        "by the name it defines",
        "an import above its lines",
        "pasted over all of its lines",
        "pasted over the first of its lines",
    ],
)
def test_an_answer_is_known_by_what_is_left_of_its_marks(made_from: Make, cell: Cell) -> None:
    answer = made_from(cell)
    assert answer.untouched == {"m01-01-ex2"}
    assert names_in(answer) == ["LIMIT = 100", "def clipped", "def doubled", "def twice"]
    assert "count + count" in answer.text()


def test_a_provided_cell_is_known_by_id_by_text_and_by_name(made_from: Make, master: tuple[Lesson, Notebook]) -> None:
    provided = next(cell for cell in master[1].exported if cell.id == "m01-01-c05")
    for cell in (
        replace(provided, source=provided.source.replace("100", "7")),
        replace(provided, id="", source=provided.source.replace("100", "7")),
        replace(provided, id=""),
    ):
        answer = made_from(cell)
        assert names_in(answer).count("def clipped") == 1, answer.text()
        assert names_in(answer)[0].startswith("LIMIT")


def test_cells_stand_in_the_lessons_order_however_they_were_run(made_from: Make) -> None:
    twice = "#| export\n#| exercise: m01-01-ex2\ndef twice(count: int) -> int:\n    return doubled(count)"
    answer = made_from(Cell("", "code", twice), Cell("", "code", RIGHT))
    assert names_in(answer)[2:] == ["def doubled", "def twice"]


def test_what_a_learner_adds_comes_before_the_cell_that_follows_it(made_from: Make) -> None:
    own = Cell("x", "code", "#| export\ndef my_own(count: int) -> int:\n    return count")
    last = Cell("y", "code", "#| export\ndef afterthought(count: int) -> int:\n    return count")
    answer = made_from(own, Cell("", "code", RIGHT), last)
    assert names_in(answer) == [
        "LIMIT = 100",
        "def clipped",
        "def my_own",
        "def doubled",
        "def twice",
        "def afterthought",
    ]


def test_cells_that_are_not_exported_are_nobodys_business(made_from: Make) -> None:
    answer = made_from(Cell("x", "code", "print('hello')"), Cell("y", "markdown", "#| export\nx"))
    assert answer.is_untouched
    assert "hello" not in answer.text()


def test_an_emptied_exercise_cell_is_not_started(made_from: Make) -> None:
    assert made_from(Cell("m01-01-ex1", "code", "\n"), Cell("m01-01-ex2", "markdown", "def twice")).is_untouched


def test_an_answer_to_another_lesson_is_not_one_to_this(made_from: Make) -> None:
    answer = made_from(Cell("", "code", RIGHT.replace("m01-01-ex1", "m01-02-ex1")))
    assert "m01-01-ex1" in answer.untouched


def test_trailing_blanks_are_no_start(made_from: Make, master: tuple[Lesson, Notebook]) -> None:
    stub = master[1].exercises["m01-01-ex1"].stub()
    assert made_from(Cell("m01-01-ex1", "code", stub.replace("\n", "  \n") + "\n\n")).is_untouched


def test_a_line_of_the_module_is_found_in_the_notebook(made_from: Make) -> None:
    answer = made_from(Cell("m01-01-ex1", "code", RIGHT))
    number = answer.text().splitlines().index("    return count + count") + 1
    assert answer.line_of(number) == Line("ex1", 4)
    assert answer.line_of(10_000) is None


def test_the_exported_module_says_whose_it_is_and_holds_no_marks(made_from: Make) -> None:
    made = made_from(Cell("m01-01-ex1", "code", RIGHT)).exported()
    assert made.startswith("# Made from modules/m01_rest/01_doubled.ipynb: edit it there.\n")
    assert "#|" not in made
    assert '__all__ = ["LIMIT", "clipped", "doubled", "twice"]' in made


def test_a_master_is_known_as_such(made_from: Make, master: tuple[Lesson, Notebook]) -> None:
    assert made_from(*master[1].exported).is_master


def test_running_a_cell_again_replaces_it() -> None:
    for cell_id in ("m01-01-ex1", None):
        ran = RunCells()
        ran.remember(RIGHT.replace("count + count", "count"), cell_id)
        ran.remember("#| export\nx = 1", cell_id and "other")
        ran.remember(RIGHT, cell_id)
        ran.remember("print('not exported')", cell_id and "demo")
        assert [cell.source for cell in ran.cells()] == [RIGHT, "#| export\nx = 1"]


def test_an_answer_pasted_over_the_cell_has_run(made_from: Make) -> None:
    ran, pasted = RunCells(), RIGHT.partition("ex1\n")[2]
    ran.remember(RIGHT.replace("count + count", "count"), "m01-01-ex1")
    ran.remember(pasted, "m01-01-ex1")
    ran.remember("count = 1", "demo")
    assert [cell.source for cell in ran.cells()] == [pasted]
    answer = made_from(*ran.cells())
    number = answer.text().splitlines().index("    return count + count") + 1
    assert answer.line_of(number) == Line("ex1", 2)


def test_two_versions_of_a_provided_cell_without_ids_are_one(made_from: Make) -> None:
    ran = RunCells()
    for limit in (1, 2, 3):
        ran.remember(f"#| export\nLIMIT = {limit}\n\n\ndef clipped(count: int) -> int:\n    return min(count, LIMIT)")
    assert names_in(made_from(*ran.cells()))[:2] == ["LIMIT = 3", "def clipped"]
