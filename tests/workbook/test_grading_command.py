"""`grade.py` as a learner runs it, in a checkout of its own."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workbook.course_copy import CHOSEN, CourseCopy
from tests.workbook.stack_checkout import python_for
from workbook.authoring.module import HEADER
from workbook.course import FOLDERS, ROOT, lessons

IDS = [lesson_id for lesson_id in CHOSEN if any(str(lesson.id) == lesson_id for lesson in lessons())]


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory, stack: dict[str, str]) -> CourseCopy:
    return CourseCopy(tmp_path_factory.mktemp("course"), stack)


@pytest.fixture
def course(untouched: CourseCopy) -> Iterator[CourseCopy]:
    """The untouched checkout, put back afterwards."""
    kept = {
        path: path.read_bytes()
        for path in (*untouched.root.glob("modules/*/*"), *untouched.root.rglob("ingestion/**/*.py"))
    }
    yield untouched
    for path, content in kept.items():
        path.write_bytes(content)
    shutil.rmtree(untouched.root / ".workbook", ignore_errors=True)


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def test_the_untouched_course_is_not_started(course: CourseCopy) -> None:
    started = time.monotonic()
    ran = course.grade("m01")
    assert time.monotonic() - started < 20
    assert ran.returncode == 1, ran.stderr
    assert ran.stderr == ""
    said = lines(ran.stdout)
    assert [re.sub(r" +", " ", line) for line in said[: len(IDS)]] == [
        re.sub(r" +", " ", f"{each} not started 0 of {len(re.findall(r'^(?:async )?def test_', course.lesson(each).checkpoint.read_text(), re.M))}")
        for each in IDS
    ]  # fmt: skip
    assert said[-1] == f"0 of {len(IDS)} passed, {len(IDS)} not started; 0 of {10 * len(IDS)} points"


def test_the_whole_module_untouched_takes_no_time(stack: dict[str, str], tmp_path: Path) -> None:
    """Nothing is run for a lesson that nobody has begun, so 18 cost what one does."""
    from workbook.grading.grade import grade

    started = time.process_time()
    verdicts = [verdict for verdict in grade(list(lessons(module="m01"))) if verdict.state == "not started"]
    assert verdicts
    assert time.process_time() - started < 5


def test_one_solved_lesson_is_one_of_all_whatever_another_looks_like(course: CourseCopy) -> None:
    course.answer("m01.07")
    course.answer("m01.01", ex1="this is no Python")
    ran = course.grade("m01")
    assert ran.returncode == 1
    said = lines(ran.stdout)
    assert said[0].startswith("m01.01  not yet      0 of ")
    assert said[0].endswith("expected the cell runs from top to bottom; came SyntaxError: invalid syntax")
    assert said[2].startswith("m01.07  passed       ")
    assert said[-1] == f"1 of {len(IDS)} passed, 1 not yet, {len(IDS) - 2} not started; 10 of {10 * len(IDS)} points"


def test_one_lesson_graded_says_what_is_missing(course: CourseCopy) -> None:
    course.answer("m01.04", ex2="def full_jitter_s(attempt, *, base_s=0.1, cap_s=20.0, uniform=None):\n    return 1.0")
    ran = course.grade("m01.04")
    assert ran.returncode == 1
    assert lines(ran.stdout)[0].startswith("m01.04  not yet   ")
    assert re.search(r"^  expected  ", ran.stdout, re.MULTILINE)
    assert re.search(r"^  look at   ", ran.stdout, re.MULTILINE)
    assert "Traceback" not in ran.stdout + ran.stderr


def test_a_half_done_lesson_says_what_comes_next(course: CourseCopy) -> None:
    course.answer(
        "m01.04", ex3='raise NotImplementedError("m01-04-ex3")'.join(["def decorrelated_jitter_s(*_, **__):\n    ", ""])
    )
    ran = course.grade("m01.04")
    assert ran.returncode == 1
    assert "next: ex3" in ran.stdout


def test_passed_is_exit_0(course: CourseCopy) -> None:
    course.answer("m01.04")
    ran = course.grade("m01.04")
    assert (ran.returncode, ran.stderr) == (0, "")
    every = course.checks("m01.04")
    assert lines(ran.stdout) == [f"m01.04  passed   {every} of {every}"]


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        ('{"cells": [', "04_backoff.ipynb: not a notebook (Expecting value"),
        ("[]", "04_backoff.ipynb: not a notebook (a JSON object is wanted"),
        ("<<<<<<< HEAD\n{}", "04_backoff.ipynb: not a notebook (Expecting value"),
        (None, "04_backoff.ipynb: cannot be read (No such file or directory)"),
    ],
    ids=["cut off", "a list", "a merge conflict", "gone"],
)
def test_a_broken_notebook_costs_its_own_lesson_one_line(course: CourseCopy, spoilt: str | None, said: str) -> None:
    notebook = course.lesson("m01.04").notebook
    course.answer("m01.07")
    if spoilt is None:
        notebook.unlink()
    else:
        notebook.write_text(spoilt, encoding="utf-8")
    ran = course.grade("m01")
    assert ran.returncode == 1
    told = lines(ran.stdout)
    assert len(told) == len(IDS) + 1
    assert told[1].startswith("m01.04  not yet ")
    assert said in told[1]
    assert told[1].endswith("restore it with git or `python grade.py reset m01.04`")
    assert told[2].startswith("m01.07  passed")


def test_json_is_one_document(course: CourseCopy) -> None:
    course.answer("m01.04")
    course.answer("m01.01", ex1="x = 1 +")
    ran = course.grade("m01", "--json")
    verdicts = json.loads(ran.stdout)
    assert [(each["lesson"], each["state"], each["points"]) for each in verdicts] == [
        ("m01.01", "not yet", 0),
        ("m01.04", "passed", 10),
        ("m01.07", "not started", 0),
    ]
    assert verdicts[0]["outcomes"][0]["look_at"].startswith("cell ex1, line 3: x = 1 +")
    assert isinstance(verdicts[1]["seed"], int)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("m09",), "'m09' is no lesson: write it like m01.04"),
        (("m01.99",), "there is no lesson m01.99; m01 has m01.01 to m01.07"),
        (("m04",), "module m04 has no lessons yet"),
        (("reset",), "say which lesson to start anew: python grade.py reset m01.04"),
        (("reset", "m01.99"), "there is no lesson m01.99"),
    ],
)
def test_a_wrong_call_is_exit_2_and_one_line(course: CourseCopy, arguments: tuple[str, ...], said: str) -> None:
    ran = course.grade(*arguments)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert lines(ran.stderr)[0].startswith(f"grade.py: {said}")
    assert len(lines(ran.stderr)) == 1


def test_without_arguments_it_says_where_you_stand(course: CourseCopy) -> None:
    ran = course.grade()
    assert ran.returncode == 0
    assert lines(ran.stdout) == [
        f"m01  {FOLDERS['m01']:<18} {'░' * 20}  0 of {len(IDS)} passed",
        "Next: m01.01, modules/m01_rest/01_errors.ipynb  (open it with `make lab`)",
    ]
    course.answer("m01.04")
    (course.root / ".workbook").mkdir(exist_ok=True)
    (course.root / ".workbook/progress.json").write_text('{"m01.01": {}}')
    assert lines(course.grade().stdout)[0].endswith(f"1 of {len(IDS)} passed, 1 started")
    (course.root / ".workbook/progress.json").write_text("{broken")
    assert lines(course.grade().stdout)[0].endswith(f"0 of {len(IDS)} passed, 1 started")


def test_from_any_folder(course: CourseCopy, tmp_path: Path) -> None:
    course.answer("m01.04")
    ran = course.grade("m01.04", cwd=tmp_path, PYTHONPATH="")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == []


def test_grading_leaves_no_trace_but_the_note_of_what_has_passed(course: CourseCopy) -> None:
    def files() -> list[Path]:
        paths = course.root.rglob("*")
        return sorted(path for path in paths if not {"__pycache__", ".workbook"} & set(path.parts))

    course.answer("m01.04")
    before = files()
    course.grade("m01")
    assert files() == before
    assert "1 of 3 passed" in course.grade().stdout


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs root, to become somebody who cannot write")
def test_a_checkout_that_cannot_be_written(course: CourseCopy) -> None:
    course.answer("m01.04")
    for folder in (course.root, *course.root.parents):
        if folder.stat().st_uid == 0 and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    python, environment = python_for("nobody")
    ran = subprocess.run(
        [python, *course.command("m01.04")[1:]],
        env={**course.environment, **environment, "HOME": "/nonexistent"},
        cwd="/",
        check=False,
        capture_output=True,
        encoding="utf-8",
        user="nobody",
        extra_groups=[],
        timeout=120,
    )
    every = course.checks("m01.04")
    assert (ran.returncode, lines(ran.stdout)) == (0, [f"m01.04  passed   {every} of {every}"]), ran.stderr


@pytest.mark.parametrize(
    "environment",
    [{"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"PYTHONIOENCODING": "cp437"}],
    ids=["ascii", "Windows console"],
)
def test_any_terminal_can_show_the_answer(course: CourseCopy, environment: dict[str, str]) -> None:
    said = 'def exponential_ceiling_s(attempt, *, base_s, cap_s):\n    raise ValueError("∞ — ☃ \\ud800")'
    course.answer("m01.04", ex1=said)
    for arguments in ((), ("m01.04",), ("m01.04", "--json")):
        ran = subprocess.run(
            course.command(*arguments),
            env={**course.environment, **environment},
            check=False,
            capture_output=True,
            timeout=120,
        )
        assert b"Traceback" not in ran.stderr, ran.stderr
        assert ran.returncode == (1 if arguments else 0)
    assert json.loads(ran.stdout.decode("ascii", "backslashreplace").replace("\\x", "\\\\x"))


DEAD = {
    "DB_URL": "postgresql://u:secret@127.0.0.1:1/d",
    "REDIS_URL": "redis://:secret@127.0.0.1:1/0",
    "MOCK_API_URL": "http://127.0.0.1:1",
}


@pytest.mark.parametrize(
    ("fixture", "variable"), [("db_url", "DB_URL"), ("redis_url", "REDIS_URL"), ("api", "MOCK_API_URL")]
)
def test_a_server_that_is_down_is_not_the_learners_fault(course: CourseCopy, fixture: str, variable: str) -> None:
    checkpoint = course.lesson("m01.04").checkpoint
    kept = checkpoint.read_text(encoding="utf-8")
    checkpoint.write_text(f"{kept}\n\ndef test_ex1_asks({fixture}) -> None:\n    assert {fixture}\n", encoding="utf-8")
    try:
        for answer in ({}, {"ex1": "def exponential_ceiling_s(attempt, *, base_s, cap_s):\n    return 0"}):
            course.answer("m01.04", **answer)
            ran = course.grade("m01.04", **{variable: DEAD[variable]})
            assert ran.returncode == 3, ran.stdout + ran.stderr
            said = lines(ran.stdout)
            assert said[0] == f"m01.04  blocked   0 of {course.checks('m01.04')}"
            assert said[1].startswith(
                f"  came      {variable}: nothing answers at 127.0.0.1:1; start that server, or unset"
            )
            assert "secret" not in ran.stdout + ran.stderr
        course.answer("m01.04")
        assert course.grade("m01.04").returncode == 0
    finally:
        checkpoint.write_text(kept, encoding="utf-8")


def test_lessons_that_need_no_server_are_graded_without_one(course: CourseCopy) -> None:
    course.answer("m01.04")
    assert course.grade("m01.04", **DEAD).returncode == 0


def test_reset_brings_the_lesson_back_and_keeps_what_was_there(course: CourseCopy) -> None:
    lesson = course.lesson("m01.04")
    fresh = lesson.notebook.read_bytes()
    course.answer("m01.04")
    mine = lesson.notebook.read_bytes()
    module = course.root / "ingestion/resilience/backoff.py"
    reference = module.read_bytes()
    own = HEADER.format(origin="modules/m01_rest/04_backoff.ipynb") + "\nx = 1\n"
    module.write_text(own, encoding="utf-8")
    ran = course.grade("reset", "m01.04")
    assert ran.returncode == 0, ran.stderr
    assert lesson.notebook.read_bytes() == fresh
    assert module.read_bytes() == reference
    (kept,) = (course.root / ".workbook/backup").iterdir()
    assert (kept / "modules/m01_rest/04_backoff.ipynb").read_bytes() == mine
    assert (kept / "ingestion/resilience/backoff.py").read_text(encoding="utf-8") == own
    assert f"yours is in .workbook/backup/{kept.name}/" in ran.stdout
    assert lines(course.grade("reset", "m01.04").stdout) == ["m01.04 is as it came already"]


def test_reset_mends_a_broken_notebook(course: CourseCopy) -> None:
    notebook = course.lesson("m01.04").notebook
    for spoilt in (b"\xff\xfe", None):
        notebook.unlink()
        if spoilt:
            notebook.write_bytes(spoilt)
        assert course.grade("reset", "m01.04").returncode == 0
        assert course.grade("m01.04").stdout.startswith("m01.04  not started")


def test_watch_grades_again_when_the_notebook_is_saved(course: CourseCopy) -> None:
    with subprocess.Popen(
        course.command("m01.04", "--watch"),
        env={**course.environment, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    ) as watching:
        try:
            assert watching.stdout
            said = iter(line for line in watching.stdout if line.strip())
            assert next(said).startswith("m01.04  not started")
            assert next(said).startswith("waiting for a notebook to be saved")
            course.answer("m01.04")
            for line in said:
                if line.startswith("m01.04  passed"):
                    break
            watching.send_signal(signal.SIGINT)
            assert watching.wait(timeout=20) == 130
        finally:
            watching.kill()  # or a test that fails would wait for it


def test_the_solutions_pass(course: CourseCopy) -> None:
    """By their checkpoints; running them under papermill is CI's, once for all lessons."""
    from workbook.grading.candidate import candidate
    from workbook.grading.sandbox import Reference, Sandbox

    with Sandbox(Reference(course.root)) as sandbox:
        for lesson, master in sandbox.reference.notebooks.items():
            verdict = sandbox.check(candidate(lesson, master, master.cells))
            assert verdict.state == "passed", verdict.text()


def test_too_old_a_python_is_one_line(tmp_path: Path) -> None:
    said = (ROOT / "grade.py").read_text(encoding="utf-8").replace("(3, 11)", "(99, 0)")
    (tmp_path / "grade.py").write_text(said, encoding="utf-8")
    ran = subprocess.run([sys.executable, tmp_path / "grade.py"], check=False, capture_output=True, text=True)
    assert ran.returncode == 1
    assert len(lines(ran.stderr)) == 1
    assert ran.stderr.startswith("grade.py: Python 3.11 or newer is needed")
