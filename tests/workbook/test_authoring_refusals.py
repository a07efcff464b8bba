"""Everything that the build refuses, fed to it: one line says which lesson, which cell, what, and what to do."""

from pathlib import Path

import pytest

from tests.workbook.tiny_course import EXERCISE, TinyLesson, code, text, tiny_course
from workbook.authoring.build import build
from workbook.course import CourseError


@pytest.fixture
def tiny(tmp_path: Path) -> TinyLesson:
    return tiny_course(tmp_path)[0]


def refused(lesson: TinyLesson) -> str:
    lesson.save()
    with pytest.raises(CourseError) as raised:
        build(lesson.root)
    return str(raised.value)


def test_a_sound_course_is_built(tiny: TinyLesson) -> None:
    assert set(build(tiny.root).modules) == {"ingestion/tiny/doubled.py"}


def test_two_notebooks_with_one_module(tmp_path: Path) -> None:
    _, second = tiny_course(tmp_path, "doubled", "halved")
    second.cell("c02")["source"] = second.cell("c02")["source"].replace("tiny.halved", "tiny.doubled")
    second.course["exports"] = "tiny.doubled"
    assert refused(second) == (
        "m01.02 02_halved.ipynb: exports ingestion.tiny.doubled, which 01_doubled.ipynb exports too; give it to one of them"
    )


def test_a_syntax_error_names_cell_and_line(tiny: TinyLesson) -> None:
    tiny.cells.insert(2, code("m01-01-c09", "#| export\nlimit = 3\nelse: 4"))
    assert "m01.01 01_doubled.ipynb: cell m01-01-c09: line 2 does not parse: invalid syntax" in refused(tiny)


@pytest.mark.parametrize("line", ["%timeit 1", "!ls", "files = !ls", "len?"])
def test_a_magic_in_an_exported_cell(tiny: TinyLesson, line: str) -> None:
    tiny.cells.insert(2, code("m01-01-c09", f"#| export\n{line}"))
    assert f"cell m01-01-c09: a magic or shell line in exported code ({line})" in refused(tiny)


def test_import_star(tiny: TinyLesson) -> None:
    tiny.cells.insert(2, code("m01-01-c09", "#| export\nfrom math import *"))
    assert "cell m01-01-c09: `from math import *` hides where names come from; name them" in refused(tiny)


@pytest.mark.parametrize(
    "line", ["import workbook", "from workbook import lesson", "from workbook.grading import expect"]
)
def test_the_package_stands_without_the_course(tiny: TinyLesson, line: str) -> None:
    tiny.cells.insert(2, code("m01-01-c09", f"#| export\n{line}"))
    assert "cell m01-01-c09: exported code imports workbook" in refused(tiny)


def test_an_exercise_without_a_check(tiny: TinyLesson) -> None:
    tiny.cells.remove(tiny.cell("c03"))
    assert 'exercise m01-01-ex1 has no check; add a cell tagged `check` with `lab.check("ex1")`' in refused(tiny)


def test_an_exercise_without_a_test(tiny: TinyLesson) -> None:
    second = EXERCISE.format(id="m01-01-ex2", name="twice")
    tiny.cells += [code("m01-01-ex2", second, "exercise"), code("m01-01-c09", 'lab.check("ex2")', "check")]
    said = refused(tiny)
    assert "exercise m01-01-ex2 has no test; add `test_ex2_...` to test_01_doubled.py" in said
    assert "exercise m01-01-ex2 has no known mistake; add one to 01_doubled/" in said


def test_a_check_without_enough_mistakes(tmp_path: Path) -> None:
    tiny = TinyLesson(tmp_path, 1, "doubled")
    tiny.mistakes = 3
    assert "has 3 known mistakes; a check is proven by at least 4" in refused(tiny)


def test_a_lesson_without_an_exercise(tiny: TinyLesson) -> None:
    tiny.cells.remove(tiny.cell("ex1"))
    assert "has no exercise; a lesson has at least one" in refused(tiny)


def test_markers_outside_an_exercise(tiny: TinyLesson) -> None:
    tiny.cells.append(code("m01-01-c09", "### BEGIN SOLUTION\nlimit = 3\n### END SOLUTION"))
    assert "cell m01-01-c09: `### BEGIN SOLUTION` outside an exercise" in refused(tiny)


@pytest.mark.parametrize(
    "spoilt",
    [
        ("    ### BEGIN SOLUTION\n", ""),
        ("\n    ### END SOLUTION", ""),
        ("### END SOLUTION", "### END SOLUTION\n    ### BEGIN SOLUTION\n    pass\n    ### END SOLUTION"),
        ("### BEGIN SOLUTION", "### BEGIN SOLUTION # here"),
        ("### BEGIN SOLUTION\n    return 2 * count\n    ### END", "### END SOLUTION\n    return 2\n    ### BEGIN"),
    ],
    ids=["no begin", "no end", "twice", "not alone on its line", "in the wrong order"],
)
def test_markers_missing_or_twice(tiny: TinyLesson, spoilt: tuple[str, str]) -> None:
    exercise = tiny.cell("ex1")
    exercise["source"] = exercise["source"].replace(*spoilt)
    assert "cell m01-01-ex1: an exercise has exactly one `### BEGIN SOLUTION` and, below it, one" in refused(tiny)


def test_a_solution_outside_a_function(tiny: TinyLesson) -> None:
    tiny.cell("ex1")["source"] = (
        "#| export\n#| exercise: m01-01-ex1\n### BEGIN SOLUTION\nlimit = 3\n### END SOLUTION\n\n\n"
        "def doubled(count: int) -> int:\n    if count < 0:\n        raise ValueError(count)\n    return 2 * count"
    )
    assert "cell m01-01-ex1: its solution stands outside a function" in refused(tiny)


def test_a_stub_that_does_not_parse(tiny: TinyLesson) -> None:
    exercise = tiny.cell("ex1")
    exercise["source"] = exercise["source"].replace("    ### BEGIN", "        ### BEGIN")
    assert "cell m01-01-ex1: without its solution it does not parse (line 5:" in refused(tiny)


def test_a_forward_reference_in_prose(tmp_path: Path) -> None:
    first, _ = tiny_course(tmp_path, "doubled", "halved")
    first.cells.append(text("m01-01-c09", "Later, `halved` undoes it; `halved()` too."))
    assert refused(first) == (
        "m01.01 01_doubled.ipynb: cell m01-01-c09: names `halved`, which lesson m01.02 only introduces"
    )


def test_a_forward_reference_in_code(tmp_path: Path) -> None:
    first, _ = tiny_course(tmp_path, "doubled", "halved")
    first.cells.append(code("m01-01-c09", "from ingestion.tiny.halved import halved", "demo"))
    assert "cell m01-01-c09: names `tiny.halved`, which lesson m01.02 only introduces" in refused(first)


def test_a_later_module_may_be_used_as_given(tmp_path: Path) -> None:
    first, _ = tiny_course(tmp_path, "doubled", "halved")
    first.cells.append(code("m01-01-c09", "from ingestion.tiny.halved import halved", "demo"))
    first.cells.append(text("m01-01-c10", "`halved` undoes it."))
    first.course["given"] = ["ingestion.tiny.halved"]
    build(first.save().root)


def test_giving_a_module_that_no_lesson_exports(tiny: TinyLesson) -> None:
    tiny.course["given"] = ["ingestion.tiny.halve"]
    assert "its metadata gives ingestion.tiny.halve, which no lesson exports" in refused(tiny)


def test_the_solution_may_look_ahead_for_the_learner_never_sees_it(tmp_path: Path) -> None:
    first, _ = tiny_course(tmp_path, "doubled", "halved")
    exercise = first.cell("ex1")
    exercise["source"] = exercise["source"].replace(
        "    return", "    from ingestion.tiny.halved import halved\n\n    assert halved\n    return"
    )
    first.cells.append({**code("m01-01-c09", "from ingestion.tiny.halved import halved", "solution-only")})
    build(first.save().root)


def test_cell_ids_that_stand_twice(tiny: TinyLesson) -> None:
    tiny.cells.append(text("m01-01-c01", "more"))
    assert "cell id 'm01-01-c01' stands on 2 cells; every cell needs its own" in refused(tiny)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("lesson", "m01.02", "its metadata says course.lesson 'm01.02'; the file name says m01.01"),
        ("exports", "tiny.halved", "its metadata says course.exports 'tiny.halved'; its cells export 'tiny.doubled'"),
    ],
)
def test_metadata_that_says_something_else(tiny: TinyLesson, key: str, value: str, said: str) -> None:
    tiny.course[key] = value
    assert f"m01.01 01_doubled.ipynb: {said}" in refused(tiny)


def test_several_titles_and_none(tiny: TinyLesson) -> None:
    tiny.cells.append(text("m01-01-c09", "# Another title"))
    assert "2 first-level headings; a lesson has one title" in refused(tiny)
    tiny.cells = [cell for cell in tiny.cells if cell["cell_type"] == "code"]
    assert "0 first-level headings; a lesson has one title" in refused(tiny)


def test_two_titles_in_one_cell_and_a_comment_in_a_code_block(tiny: TinyLesson) -> None:
    tiny.cell("c01")["source"] = "# 01\n\n```sh\n# no title\n```"
    build(tiny.save().root)
    tiny.cell("c01")["source"] = "# 01\n\n# 01 again"
    assert "2 first-level headings; a lesson has one title" in refused(tiny)


def test_no_module_named(tiny: TinyLesson) -> None:
    tiny.cell("c02")["source"] = tiny.cell("c02")["source"].replace("#| default_exp tiny.doubled\n", "")
    assert "no cell names the module it builds; put `#| default_exp name` on its first exported cell" in refused(tiny)


def test_exported_and_solution_only(tiny: TinyLesson) -> None:
    tiny.cells.insert(2, code("m01-01-c09", "#| export\nlimit = 3", "solution-only"))
    assert "cell m01-01-c09: exported and solution-only: the learner's module would miss it" in refused(tiny)


def test_only_given_code_is_folded_and_below_a_text_that_names_it(tiny: TinyLesson) -> None:
    tiny.cells.insert(2, code("m01-01-c09", "limit = 3", "folded"))
    assert "cell m01-01-c09: folded, but only given code that is exported may be" in refused(tiny)
    tiny.cells[2] = code("m01-01-c09", "#| export\nlimit = 3", "folded")
    assert "cell m01-01-c09: folded, and no text above it says what it is" in refused(tiny)
    tiny.cells[2:2] = [text("m01-01-c07", "Two limits, given."), code("m01-01-c08", "#| export\nleast = 2", "folded")]
    tiny.save()
    build(tiny.root)


def test_an_exercise_that_is_not_exported(tiny: TinyLesson) -> None:
    tiny.cell("ex1")["source"] = tiny.cell("ex1")["source"].replace("#| export\n", "")
    assert "cell m01-01-ex1: an exercise that is not exported; put `#| export` on top" in refused(tiny)


def test_an_exercise_of_another_lessons_name(tiny: TinyLesson) -> None:
    tiny.cell("ex1")["source"] = tiny.cell("ex1")["source"].replace("m01-01-ex1", "m01-07-ex1")
    assert "exercise 'm01-07-ex1' should be called m01-01-ex1, -ex2, ..." in refused(tiny)


def test_a_master_that_is_no_notebook_costs_one_line(tiny: TinyLesson) -> None:
    tiny.lesson.master.write_text('{"cells": [', encoding="utf-8")
    with pytest.raises(CourseError, match=r"^01_doubled\.ipynb: not a notebook \(Expecting value.*\); restore it"):
        build(tiny.root)


def test_force_builds_in_spite_of_refusals_and_prints_them(
    tiny: TinyLesson, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny.cells.append(text("m01-01-c09", "# Another title"))
    assert build(tiny.save().root, force=True).modules
    assert "refused: m01.01 01_doubled.ipynb: 2 " in capsys.readouterr().err
