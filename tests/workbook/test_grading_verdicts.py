"""Four answers, never confused, whatever a learner writes: passed, not yet, not started, blocked."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.workbook.graded import STUB, Graded
from workbook.course import ROOT, CourseError
from workbook.grading import plugin
from workbook.grading import sandbox as checking
from workbook.grading.verdict import State, Verdict

RIGHT = "return count + count"


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graded]:
    lesson = Graded(tmp_path_factory.mktemp("course"))
    with lesson.sandbox:
        yield lesson


def first(verdict: Verdict) -> tuple[str, str, str]:
    failing = verdict.first_failing
    assert failing is not None
    return failing.expected, failing.came, failing.look_at


def test_right(graded: Graded) -> None:
    verdict = graded.check(RIGHT)
    assert (verdict.state, verdict.points) == (State.PASSED, 10), verdict.text()
    assert verdict.text() == "m01.01  passed   2 of 2"


def test_wrong(graded: Graded) -> None:
    verdict = graded.check("return count + 1")
    assert (verdict.state, verdict.points) == (State.NOT_YET, 0)
    assert verdict.text() == (
        "m01.01  not yet   0 of 2\n  expected  42 for 21\n  came      22\n  look at   (hint 1 fits)"
    )
    assert verdict.line() == "m01.01  not yet      0 of 2    expected 42 for 21; came 22"


def test_a_check_can_end_with_the_failure_that_is_looked_for(graded: Graded) -> None:
    wrong = graded.candidate("return count + 1")
    first, second = graded.sandbox.check(wrong, seed=7, until=frozenset({"test_ex1_doubles"})).outcomes
    assert (first.state, first.came) == (State.NOT_YET, "22")
    assert (second.state, second.came) == (State.NOT_YET, "the process ended before this check did")
    first, second = graded.sandbox.check(wrong, seed=7, until=frozenset({"test_ex1_doubles_nothing"})).outcomes
    assert (first.came, second.came) == ("22", "1")


def test_untouched(graded: Graded) -> None:
    assert graded.check(STUB).state is State.NOT_STARTED


def test_the_stubs_error_raised_on_purpose_is_no_pass(graded: Graded) -> None:
    half = graded.check(f"if count:\n    return 2 * count\n{STUB}")
    assert (half.state, half.passed, half.points) == (State.NOT_YET, 1, 0)
    assert half.note == "next: ex1"
    assert (
        graded.check(f"try:\n    {STUB}\nexcept NotImplementedError:\n    return 2 * count + 1").state is State.NOT_YET
    )


def test_a_not_implemented_error_of_ones_own_is_wrong_not_waiting(graded: Graded) -> None:
    verdict = graded.check("raise NotImplementedError('later')")
    assert verdict.state is State.NOT_YET
    assert first(verdict)[1] == "NotImplementedError: later"


@pytest.mark.parametrize(
    ("body", "came", "look_at"),
    [
        ("import sys\nsys.exit(3)", "SystemExit: 3", "cell ex1, line 5: sys.exit(3)"),
        ("return 1 / 0", "ZeroDivisionError: division by zero", "cell ex1, line 4: return 1 / 0"),
        ("return bytes(1 << 40)", "MemoryError", "cell ex1, line 4: return bytes(1 << 40)"),
        ("return doubled(count)", "RecursionError: maximum recursion depth exceeded", "cell ex1, line 4: return doubled(count)"),
        ("assert count == 1, 'no'", "AssertionError: no", "cell ex1, line 4: assert count == 1, 'no'"),
        ("raise BaseException('odd')", "BaseException: odd", "cell ex1, line 4: raise BaseException('odd')"),
        ("raise ExceptionGroup('two', [ValueError(1)])", "ExceptionGroup: two (1 sub-exception)", "cell ex1, line 4: "),
        ("class E(Exception):\n    __str__ = lambda self: 1 / 0\nraise E", "E", "cell ex1, line 6: raise E"),
        ("import pytest\npytest.skip('not today')", "skipped: not today", ""),
        ("import pytest\npytest.xfail('never')", "skipped: never", ""),
        ("import pytest\npytest.fail('oh')", "Failed: oh", "cell ex1, line 5: pytest.fail('oh')"),
        ("from workbook.grading import Blocked\nraise Blocked('the dog')", "Blocked: the dog", "cell ex1, line 5: "),
    ],
)  # fmt: skip
def test_an_error_is_shown_with_its_cell_and_line(graded: Graded, body: str, came: str, look_at: str) -> None:
    verdict = graded.check(body)
    assert verdict.state is State.NOT_YET, verdict.text()
    assert first(verdict)[1].startswith(came)
    assert first(verdict)[2].startswith(look_at)
    assert "Traceback" not in verdict.text()
    assert "/tmp" not in verdict.text()


@pytest.mark.parametrize(
    ("above", "came", "look_at"),
    [
        ("x = 1 +", "SyntaxError: invalid syntax", "cell ex1, line 3: x = 1 +"),
        ("if True:\nx = 1", "IndentationError: expected an indented block", "cell ex1, line 4: x = 1"),
        ("x = undefined", "NameError: name 'undefined' is not defined", "cell ex1, line 3: x = undefined"),
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'", "cell ex1, line 3: import"),
        ("raise SystemExit", "SystemExit", "cell ex1, line 3: raise SystemExit"),
        ("await something()", "SyntaxError: 'await' outside function", "cell ex1, line 3: await something()"),
        ("%matplotlib inline", "SyntaxError: invalid syntax", "cell ex1, line 3: %matplotlib inline"),
        ("x = '\0'", "ValueError: source code string cannot contain null bytes", ""),
    ],
)
def test_a_cell_that_does_not_run_is_shown_with_its_line(graded: Graded, above: str, came: str, look_at: str) -> None:
    verdict = graded.check(RIGHT, above)
    assert verdict.state is State.NOT_YET
    assert first(verdict)[0] == "the cell runs from top to bottom"
    assert first(verdict)[1].replace("SyntaxError: source code", "ValueError: source code").startswith(came)
    assert first(verdict)[2].startswith(look_at)
    assert len(verdict.outcomes) == 2


def test_an_answer_without_what_the_lesson_asks_for(graded: Graded) -> None:
    verdict = graded.check(RIGHT, below="del doubled")
    assert verdict.state is State.NOT_YET
    assert first(verdict)[:2] == (
        "the module has what the lesson asks for",
        "ImportError: cannot import name 'doubled' from 'ingestion.tiny.doubled'",
    )


@pytest.mark.parametrize(
    "body",
    [
        "import warnings\nwarnings.warn('careful', DeprecationWarning)",
        "import sys\nprint('a' * 100_000, file=sys.stderr)",
        "print('\\ud800 \\N{SNOWMAN}'.encode('utf-8', 'replace'))",
        "import logging\nlogging.error('oh')",
        "import os\nos.write(2, b'\\xff\\xfe' * 1000)",
        "import tempfile\nwith tempfile.TemporaryFile() as file:\n    file.write(b'a')",
        "import asyncio\nasyncio.run(asyncio.sleep(0))",
        "import threading\nthread = threading.Thread(target=print)\nthread.start()\nthread.join()",
        "import subprocess, sys\nsubprocess.run([sys.executable, '-c', ''], check=True)",
        "from collections import namedtuple\nnamedtuple('A', 'b')",
        "import inspect\ninspect.signature(print)",
    ],
)
def test_a_right_answer_may_do_much_besides(graded: Graded, body: str) -> None:
    verdict = graded.check(f"{body}\nreturn 2 * count")
    assert verdict.state is State.PASSED, verdict.text()


@pytest.mark.parametrize("body", ["import os\nos._exit(0)", "import os\nos.kill(os.getpid(), 9)"])
def test_an_answer_that_ends_its_process(graded: Graded, body: str) -> None:
    verdict = graded.check(body)
    assert verdict.state is State.NOT_YET
    assert first(verdict)[:2] == ("every check to run to its end", "the process ended before this check did")


def test_ending_the_process_after_the_last_check_is_no_pass(graded: Graded) -> None:
    passed = [{"test": name, "state": "passed"} for name in checking.tests_of(graded.tiny.lesson)]
    result = {"outcomes": passed, "ended": True, "timed_out": False, "output": ""}
    answer = graded.candidate(RIGHT)
    assert checking.verdict_on(answer, checking.tests_of(graded.tiny.lesson), 7, result).state is State.PASSED
    assert (
        checking.verdict_on(answer, checking.tests_of(graded.tiny.lesson), 7, {**result, "ended": False}).state
        is State.NOT_YET
    )


def test_what_an_answer_last_said_before_it_died_is_shown(graded: Graded) -> None:
    said = "import os\nos.write(2, b'the last words')\nos._exit(1)"
    verdict = graded.check(RIGHT, above=said)
    assert first(verdict) == (
        "every check to run to its end",
        "the process ended before this check did",
        "the last words",
    )


def test_output_without_end_is_cut_short(graded: Graded) -> None:
    started = time.monotonic()
    verdict = graded.check("while True:\n    print('x' * 10_000)")
    assert verdict.state is State.NOT_YET
    assert first(verdict)[1].startswith("OSError: [Errno 27] File too large"), verdict.text()
    assert time.monotonic() - started < 25


def test_memory_without_end_is_an_answer(graded: Graded) -> None:
    verdict = graded.check("hoard = []\nwhile True:\n    hoard.append(bytes(1 << 30))")
    assert first(verdict)[1] == "MemoryError"


def test_the_next_answer_is_not_hurt(graded: Graded) -> None:
    assert graded.check("import os\nos._exit(0)").state is State.NOT_YET
    assert graded.check(RIGHT).state is State.PASSED


@pytest.fixture
def impatient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Graded]:
    """The limit of each test and of the whole check, shortened."""
    monkeypatch.setenv("PYTHONSTARTUP", "")
    lesson = Graded(tmp_path, timeout_s=2.0)
    with lesson.sandbox:
        lesson.sandbox.start()
        yield lesson


def test_a_loop_without_end_is_an_answer(impatient: Graded) -> None:
    started = time.monotonic()
    verdict = impatient.check("while True:\n    pass")
    assert verdict.state is State.NOT_YET
    assert first(verdict)[1] == "no answer in time"
    assert time.monotonic() - started < 30


def test_a_loop_that_holds_on_through_everything_is_ended_too(impatient: Graded) -> None:
    body = (
        "import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass"
    )
    assert first(impatient.check(body))[1] == "no answer in time"


def test_one_test_out_of_time_says_so_and_ends_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin, "_TEST_LIMIT_S", 0.05)
    with (
        pytest.raises(plugin.TimeUp, match=r"no answer within 0 s; is there a loop that never ends"),
        plugin._time_limit(),
    ):
        while True:
            pass
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


@pytest.mark.parametrize(
    "spawn",
    [
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)', MARK])",
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)', MARK], start_new_session=True)",
        "subprocess.run(f'setsid nohup sleep 600.{MARK} >/dev/null 2>&1 &', shell=True)",
        "os.fork() or (os.setsid(), os.fork() and os._exit(0), os.execvp('sleep', ['sleep', f'600.{MARK}']))",
    ],
    ids=["a child", "a session of its own", "a shell's", "a daemon"],
)
def test_what_an_answer_leaves_running_is_ended(graded: Graded, spawn: str) -> None:
    mark = "5551234"
    verdict = graded.check(f"import os, subprocess, sys\nMARK = '{mark}'\n{spawn}\nreturn 2 * count")
    assert verdict.state is State.PASSED, verdict.text()
    left = [
        process.info for process in psutil.process_iter(["cmdline"]) if mark in " ".join(process.info["cmdline"] or [])
    ]
    assert not [each for each in left if "pytest" not in " ".join(each["cmdline"])]


def test_a_checking_process_that_dies_costs_one_answer(graded: Graded) -> None:
    graded.check(RIGHT)
    process = graded.sandbox._process
    assert process is not None
    process.kill()
    process.wait()
    with pytest.raises(CourseError, match=r"the checking process died; run the check again"):
        graded.check(RIGHT)
    assert graded.check(RIGHT).state is State.PASSED


def test_a_seed_repeats_the_inputs(tmp_path: Path) -> None:
    lesson = Graded(tmp_path)
    lesson.tiny.lesson.checkpoint.write_text(
        "from ingestion.tiny.doubled import doubled\nfrom workbook.grading import expect\n"
        "def test_ex1_random(rng):\n    n = rng.randrange(10**9)\n    expect(doubled(n) == 0, expected=str(n), came=n)\n",
        encoding="utf-8",
    )
    lesson.tiny.lesson.checkpoint.with_name("conftest.py").write_text("from workbook.fixtures import rng, seed\n")
    answer = lesson.candidate(RIGHT)
    with lesson.sandbox:
        drawn = [first(lesson.sandbox.check(answer, seed=seed))[1] for seed in (1, 1, 2)]
        fresh = [lesson.sandbox.check(answer).seed for _ in range(2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert fresh[0] != fresh[1]


def test_nothing_is_left_in_the_temporary_folder(
    graded: Graded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    graded.check("import tempfile\ntempfile.mkdtemp()\nreturn count")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("body", "state"), [(RIGHT, State.PASSED), ("print('{')\nreturn 1", State.NOT_YET), (STUB, State.NOT_STARTED)]
)
def test_where_there_is_no_fork_a_process_of_its_own_says_the_same(
    graded: Graded, monkeypatch: pytest.MonkeyPatch, body: str, state: State
) -> None:
    program = (
        "import sys, json; from workbook.grading import warm; print(json.dumps(warm.spawned(json.load(sys.stdin))))"
    )

    def ask(job: dict[str, object]) -> object:
        ran = subprocess.run(
            [sys.executable, "-c", program], input=json.dumps(job), capture_output=True, text=True, check=True, cwd=ROOT
        )
        return json.loads(ran.stdout)

    monkeypatch.setattr(graded.sandbox, "_ask", ask)
    assert graded.check(body).state is state
