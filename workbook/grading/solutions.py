"""Run a solution from top to bottom under papermill, as an instructor would."""

import os
import signal
import sys
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, SpawnContext
from pathlib import Path
from tempfile import TemporaryDirectory

from workbook.course import ROOT, Lesson

_LIMIT_S = 180

# A process for each solution. Where there is fork, it comes from a server that has imported papermill once,
# which takes longer than many a lesson.
_PROCESSES = SpawnContext() if os.name == "nt" else ForkServerContext()


def run_solution(lesson: Lesson, executed: Path | None = None) -> str:
    """Run *lesson*'s master in a clean kernel. Returns an empty text, or one line that says what failed.

    Args:
        lesson: Whose master to run.
        executed: Where to keep the notebook as it ran; it is not kept if left out.
    """
    with TemporaryDirectory() as folder:
        out = executed or Path(folder, "out.ipynb")
        out.parent.mkdir(parents=True, exist_ok=True)
        reader, writer = _PROCESSES.Pipe(duplex=False)
        process = _PROCESSES.Process(target=_under_papermill, args=(lesson.master, out, writer))
        process.start()
        writer.close()
        process.join(_LIMIT_S)
        if process.is_alive():
            process.terminate()
            process.join()
            return f"{lesson.master.name} has not finished within {_LIMIT_S} s"
        with reader, suppress(EOFError):
            said: str = reader.recv()
            return f"{lesson.master.name} fails under papermill: {said}" if said else ""
        return f"{lesson.master.name} fails under papermill: exit {process.exitcode}"


def prepare() -> None:
    """Have papermill imported for those that follow; it is slow, so do it once and before the first."""
    if os.name != "nt":
        _PROCESSES.set_forkserver_preload(["papermill"])


def executed_notebook(folder: Path, master: Path) -> Path:
    """Give the place in *folder* of *master* as it ran."""
    return folder.resolve() / master.parent.name / master.name


def _under_papermill(master: Path, out: Path, answer: Connection) -> None:
    import papermill

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the kernel is ended on the way out
    os.chdir(ROOT)
    os.environ["PYTHONPATH"] = str(ROOT)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)  # what a kernel says beside its cells is no part of the verdict
    os.dup2(nowhere, 2)
    try:
        papermill.execute_notebook(
            master, out, cwd=master.parent, progress_bar=False, request_save_on_cell_execute=False
        )
    except Exception as error:  # of a cell, of its kernel or of the notebook itself: the last line says which
        *_, last = ["", *(line for line in traceback.format_exception_only(error)[-1].splitlines() if line.strip())]
        answer.send(last)
    else:
        answer.send("")
