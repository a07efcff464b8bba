"""A process that has imported everything slow once, and forks a clean child for each answer it is asked to check.

Run as `python -m workbook.grading.warm`: one job a line of JSON on standard input, one result a line on standard output.
Where there is no fork, each job runs in a process of its own (`--once`).
"""

import contextlib
import gc
import importlib
import json
import os
import secrets
import select
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any, BinaryIO

from _pytest.config import default_plugins

from workbook.grading import walls
from workbook.grading.originals import Originals, codes, forbid_reaching

_POLL_S = 0.05
_SLOW_IMPORTS = (
    "asyncio",
    "boto3.session",
    "confluent_kafka.admin",
    "fastapi",
    "hypothesis",
    "orjson",
    "psycopg_pool",
    "pyarrow.parquet",
    "pydantic_settings",
    "pytest_asyncio.plugin",
    "redis.asyncio",
    "rich.progress",
    "rich.table",
    "tenacity",
    "workbook.fixtures",
    "workbook.grading.plugin",
    "workbook.virtual_time",
)


def check(job: dict[str, Any], pipe: int, key: str, originals: Originals) -> None:
    """Run one job in this process: walls, the candidate's package first on the path, its checkpoint under pytest."""
    import pytest

    from workbook.grading.plugin import OutcomeReporter

    package, scratch = Path(job["package"]), Path(job["package"], "scratch")
    scratch.mkdir()
    os.chdir(scratch)
    sys.dont_write_bytecode, os.environ["PYTHONDONTWRITEBYTECODE"] = True, "1"  # an answer is imported once
    sys.path.insert(0, str(package))
    os.environ["PYTHONPATH"] = os.pathsep.join([str(package), job["root"], os.environ.get("PYTHONPATH", "")])
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # whatever else is installed has no say in a grade
    os.environ["CHECK_SEED"] = str(job["seed"])
    os.environ["TMPDIR"] = tempfile.tempdir = str(scratch)
    reporter = OutcomeReporter(pipe, key, job, originals, codes(Path(job["checkpoint"])))
    walls.limit(job["timeout_s"], job["memory_bytes"])
    walls.confine(scratch)
    forbid_reaching(package / job["source"])
    if reporter.import_candidate():
        chosen = ["-k", f"test_{job['exercise']}_"] if job.get("exercise") else []
        plugins = ["-ppytest_asyncio.plugin", "-pno:cacheprovider", "-pno:legacypath"]
        asyncio_mode = ["-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=function"]
        paths = ["--rootdir", job["root"], "-c", os.devnull, "--import-mode=importlib", job["checkpoint"]]
        pytest.main(["-q", "--tb=no", "--assert=plain", *plugins, *asyncio_mode, *chosen, *paths], plugins=[reporter])
    reporter.send(end=True)


def forked(job: dict[str, Any], originals: Originals) -> dict[str, Any]:
    """Check one job in a forked child, at most `timeout_s` long, and leave nothing of it running."""
    readable, writable = os.pipe()
    key = secrets.token_hex(16)
    child = os.fork()
    if child == 0:
        _become_child(job, readable, writable, key, originals)
    os.close(writable)
    with os.fdopen(readable, "rb", buffering=0) as pipe:
        received, timed_out = _read_until_end(pipe, child, time.monotonic() + job["timeout_s"])
    walls.end_descendants()
    return result_of(job, received, key, timed_out=timed_out)


def result_of(job: dict[str, Any], received: bytes, key: str, *, timed_out: bool) -> dict[str, Any]:
    """Read what a reporter sent: the lines that carry the job's *key*, and whether the last of them is its end."""
    lines = [
        line.removeprefix(key) for line in received.decode(errors="replace").split("\n")[:-1] if line.startswith(key)
    ]
    outcomes = [json.loads(line) for line in lines]
    ended = bool(outcomes) and outcomes[-1] == {"end": True}
    return {
        "outcomes": [each for each in outcomes if "test" in each],
        "ended": ended,
        "timed_out": timed_out,
        "output": _tail(job),
    }


def _become_child(job: dict[str, Any], readable: int, writable: int, key: str, originals: Originals) -> None:
    try:
        os.setsid()
        os.close(readable)
        log = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        check(job, writable, key, originals)
    except BaseException:  # nothing may leave this process but by its end
        traceback.print_exc()
    finally:
        os._exit(0)


def _read_until_end(pipe: BinaryIO, child: int, end: float) -> tuple[bytes, bool]:
    """Read until *child* has ended, whoever else may hold the pipe's other end; or until the time is up."""
    received, is_over = b"", False
    while (left := end - time.monotonic()) > 0:
        ready, _, _ = select.select([pipe], [], [], 0 if is_over else min(left, _POLL_S))
        chunk = pipe.read(1 << 16) if ready else b""
        received += chunk
        if is_over and not chunk:
            return received, False
        if ready and not chunk:
            time.sleep(0.002)  # the pipe is closed; its last holder is about to end
        is_over = is_over or os.waitpid(child, os.WNOHANG)[0] == child
    return received, True


def _tail(job: dict[str, Any]) -> str:
    with contextlib.suppress(OSError):
        return Path(job["log"]).read_text(encoding="utf-8", errors="replace")[-4000:]
    return ""


def spawned(job: dict[str, Any]) -> dict[str, Any]:
    """Check one job in a process of its own, for systems without fork."""
    key = secrets.token_hex(16)
    command = [sys.executable, "-m", "workbook.grading.warm", "--once"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=job["root"]
    ) as process:
        try:
            received, _ = process.communicate(json.dumps([key, job]).encode(), timeout=job["timeout_s"])
            timed_out = False
        except subprocess.TimeoutExpired:
            walls.end_descendants()
            received, timed_out = process.communicate()[0], True
    walls.end_descendants()
    return result_of(job, received, key, timed_out=timed_out)


def _once() -> None:
    key, job = json.load(sys.stdin)
    warm_up()
    pipe = os.dup(1)
    os.dup2(os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
    check(job, pipe, key, Originals())


def warm_up() -> None:
    """Import everything slow, so that a check has only its answer left to import."""
    for name in (*_SLOW_IMPORTS, *(f"_pytest.{plugin}" for plugin in default_plugins)):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.freeze()  # what is imported stays: a check's own garbage is found without looking through all of it


def main() -> None:
    """Serve jobs until standard input closes."""
    if "--once" in sys.argv:
        _once()
        return
    warm_up()
    originals = Originals()
    walls.adopt_orphans()
    for line in sys.stdin:
        job = json.loads(line)
        result = forked(job, originals) if hasattr(os, "fork") else spawned(job)
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
