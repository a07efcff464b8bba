"""An answer cannot change its own grade: each trick here is tried with an answer that is wrong."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workbook.graded import Graded
from workbook.grading import walls
from workbook.grading.originals import Originals
from workbook.grading.verdict import State, Verdict


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graded]:
    lesson = Graded(tmp_path_factory.mktemp("course"))
    with lesson.sandbox:
        yield lesson


def came(verdict: Verdict) -> str:
    assert verdict.state is not State.PASSED, verdict.text()
    assert verdict.points == 0
    assert verdict.first_failing
    return verdict.first_failing.came


FORGED = """'{"test": "test_ex1_doubles", "state": "passed"}\\n{"test": "test_ex1_doubles_nothing", "state": "passed"}\\n{"end": true}\\n'"""

REPLACING = {
    "expect": ("import workbook.grading as it\nit.expect = lambda *_, **__: None", "workbook.grading.expect"),
    "expect, at home": ("from workbook.grading import expect as it\nimport sys\nsys.modules[it.__module__].expect = print", "workbook.grading.expect.expect"),
    "the error": ("from workbook.grading.expect import NotYet\nNotYet.__init__ = lambda *_, **__: None", "NotYet.__init__"),
    "a test's run": ("import pytest\npytest.Function.runtest = lambda self: None", "_pytest.python.Function.runtest"),
    "a test's report": ("import _pytest.reports as it\nit.TestReport.from_item_and_call = None", "from_item_and_call"),
    "a hook's caller": ("import pluggy\npluggy.HookCaller.__call__ = lambda self, **_: []", "HookCaller.__call__"),
    "raises": ("import pytest\npytest.raises = print", "pytest.raises"),
    "json": ("import json\ndumps = json.dumps\njson.dumps = lambda f, **_: dumps({**f, 'state': 'passed'})", "json.dumps"),
    "write": ("import os\nwrite = os.write\nos.write = lambda fd, b: write(fd, b.replace(b'not yet', b'passed'))", "os.write"),
    "a builtin": ("import builtins\nbuiltins.sorted = lambda *_: []", "builtins.sorted"),
    "compile": ("import builtins\nbuiltins.compile = lambda *_, **__: None", "builtins.compile"),
    "a module": ("import sys, types\nsys.modules['workbook.grading.expect'] = types.ModuleType('expect')", "workbook.grading.expect"),
    "randomness": ("import random\nrandom.Random.randrange = lambda *_: 0", "random.Random.randrange"),
    "time": ("import time\ntime.sleep = print", "time.sleep"),
    "the reporter": ("from workbook.grading.plugin import OutcomeReporter as it\nit._explain = lambda *_, **__: {'state': 'passed'}", "OutcomeReporter._explain"),
}  # fmt: skip


@pytest.mark.parametrize(("above", "part"), REPLACING.values(), ids=REPLACING)
def test_replacing_what_judges_it(graded: Graded, above: str, part: str) -> None:
    reason = came(graded.check("return 0", above))
    assert reason.endswith(f"{part} has been replaced"), reason


@pytest.mark.parametrize(("above", "part"), REPLACING.values(), ids=REPLACING)
def test_replacing_it_when_called(graded: Graded, above: str, part: str) -> None:
    """The same, later: in the middle of the test that looks."""
    verdict = graded.check(f"{above}\nreturn 2 * count")
    assert verdict.state is not State.PASSED, verdict.text()


LOOKING = {
    "a frame": "import sys\nsys._getframe(1).f_globals['expect'] = print",
    "a frame, by inspect": "import inspect\ninspect.currentframe().f_back.f_globals['expect'] = print",
    "the stack": "import inspect\ninspect.stack()[1].frame.f_globals['expect'] = print",
    "all frames": "import sys\nsys._current_frames()",
    "a traceback": "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    error.__traceback__.tb_frame.f_back.f_globals['expect'] = print",
    "all objects": "import gc\n[each.send(test='test_ex1_doubles', state='passed') for each in gc.get_objects() if hasattr(each, 'send')]",
    "code": "from workbook.grading import expect\nexpect.__code__ = (lambda *_, **__: None).__code__",
    "defaults": "from workbook.grading import expect\nexpect.__kwdefaults__ = {'ok': True}",
    "tracing": "import sys\nsys.settrace(lambda *_: None)",
    "memory": "import ctypes\nctypes.CDLL(None)",
}  # fmt: skip


@pytest.mark.parametrize("body", LOOKING.values(), ids=LOOKING)
@pytest.mark.parametrize("when", ["imported", "called"])
def test_looking_into_the_checker(graded: Graded, body: str, when: str) -> None:
    verdict = graded.check("return 0", above=body) if when == "imported" else graded.check(f"{body}\nreturn 0")
    assert came(verdict).startswith("PermissionError: an answer is checked without "), verdict.text()


WRITING = {
    "to every descriptor": f"import os\nfor fd in range(3, 64):\n    try:\n        os.write(fd, {FORGED}.encode())\n    except OSError:\n        pass",
    "and leaving": f"import os\nfor fd in range(64):\n    try:\n        os.write(fd, {FORGED}.encode())\n    except OSError:\n        pass\nos._exit(0)",
    "closing every descriptor": "import os\nos.closerange(3, 64)",
    "to standard output": f"import sys\nsys.__stdout__.write({FORGED})\nsys.__stdout__.flush()",
    "at exit": f"import atexit, os\natexit.register(lambda: [os.write(fd, {FORGED}.encode()) for fd in range(1, 12)])",
    "to the checking process": "import os\nopen(f'/proc/{os.getppid()}/fd/1', 'w').write('{\"outcomes\": [], \"ended\": true}\\n')",
    "in a child": f"import os\nif os.fork() == 0:\n    [os.write(fd, {FORGED}.encode()) for fd in range(3, 12)]",
}  # fmt: skip


@pytest.mark.parametrize("body", WRITING.values(), ids=WRITING)
@pytest.mark.parametrize("when", ["imported", "called"])
def test_forging_the_report(graded: Graded, body: str, when: str) -> None:
    came(graded.check("return 0", above=body) if when == "imported" else graded.check(f"{body}\nreturn 0"))


def test_garbage_on_the_pipe_breaks_nothing(graded: Graded) -> None:
    garbage = "import os\nfor fd in range(3, 64):\n    try:\n        os.write(fd, b'{\\xff\\n[1]\\n{}\\n')\n    except OSError:\n        pass"
    assert graded.check("return 2 * count", above=garbage).state is State.PASSED


def test_an_import_hook_that_rewrites_the_checkpoint(graded: Graded) -> None:
    above = (
        "import sys, importlib.machinery as m\n"
        "class Hook(m.SourceFileLoader):\n"
        "    def get_code(self, name): return compile('def test_ex1_doubles(): pass\\n"
        "def test_ex1_doubles_nothing(): pass', self.path, 'exec')\n"
        "class Finder:\n"
        "    @classmethod\n"
        "    def find_spec(cls, name, path=None, target=None):\n"
        "        spec = m.PathFinder.find_spec(name, path)\n"
        "        if spec and 'test_01' in name: spec.loader = Hook(name, spec.origin)\n"
        "        return spec\n"
        "sys.meta_path.insert(0, Finder)"
    )
    came(graded.check("return 0", above=above))


needs_landlock = pytest.mark.skipif(
    os.uname().sysname != "Linux" or tuple(map(int, os.uname().release.split(".")[:2])) < (5, 13),
    reason="only Linux 5.13 and newer can keep a process from writing files",
)


@needs_landlock
@pytest.mark.parametrize(
    "action",
    [
        "open(PLACE, 'w').write('def test_ex1_doubles(): pass')",
        "open(PLACE, 'a').close()",
        "os.remove(PLACE)",
        "os.rename(PLACE, PLACE + '.old')",
        "os.truncate(PLACE, 0)",
        "os.link(PLACE, 'here')",
        "open(os.path.dirname(PLACE) + '/conftest.py', 'w')",
        "os.mkdir(os.path.dirname(PLACE) + '/folder')",
        "subprocess.run(['rm', PLACE], check=True, stderr=2)",
    ],
)
def test_the_checkpoint_cannot_be_changed(graded: Graded, action: str) -> None:
    checkpoint = graded.tiny.lesson.checkpoint
    before = checkpoint.read_bytes(), sorted(checkpoint.parent.iterdir())
    verdict = graded.check("return 0", above=f"import os, subprocess\nPLACE = {str(checkpoint)!r}\n{action}")
    assert came(verdict).startswith(("PermissionError: [Errno 13]", "CalledProcessError", "OSError: [Errno 18]"))
    assert (checkpoint.read_bytes(), sorted(checkpoint.parent.iterdir())) == before


@needs_landlock
def test_processes_that_are_not_its_own_are_out_of_reach(graded: Graded) -> None:
    graded.check("return 2 * count")
    for target in ("os.getppid()", str(os.getpid())):
        verdict = graded.check("return 0", above=f"import os\nos.kill({target}, 0 or {signal.SIGCONT.value})")
        assert came(verdict) == "PermissionError: [Errno 1] Operation not permitted"
    verdict = graded.check("return 0", above="import os\nopen(f'/proc/{os.getppid()}/mem', 'rb')")
    assert came(verdict).startswith("PermissionError: [Errno 13]")


@needs_landlock
def test_scratch_is_the_answers_own_place(graded: Graded) -> None:
    body = (
        "import pathlib, tempfile\npathlib.Path('note').write_text('a')\npathlib.Path(tempfile.mkdtemp(), 'b').touch()"
    )
    assert graded.check(f"{body}\nreturn 2 * count").state is State.PASSED


@needs_landlock
def test_the_walls_stand_here() -> None:
    child = os.fork()
    if child == 0:
        confined = walls.confine(Path("/tmp"))
        os._exit(0 if confined else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_originals_say_what_is_another_one_now(monkeypatch: pytest.MonkeyPatch) -> None:
    originals = Originals()
    assert originals.replaced() == ""
    with monkeypatch.context() as patched:
        patched.setattr("workbook.grading.verdict.judge", print)
        assert originals.replaced() == "workbook.grading.verdict.judge"
    assert originals.replaced() == ""
