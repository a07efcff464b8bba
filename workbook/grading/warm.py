"""A process that has imported everything slow once, and forks a clean child for each answer it is asked to check.

Run as `python -m workbook.grading.warm`: one job a line of JSON on standard input, one result a line on standard output.
Where there is no fork, each job runs in a process of its own (`--once`).
"""

import contextlib
import importlib
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_SLOW_IMPORTS = (
    "asyncio",
    "hypothesis",
    "orjson",
    "psycopg_pool",
    "pydantic_settings",
    "pytest_asyncio",
    "redis.asyncio",
    "rich.progress",
    "rich.table",
    "tenacity",
    "workbook.fixtures",
    "workbook.grading.plugin",
    "workbook.virtual_time",
)


def check(job: dict[str, Any], pipe: int) -> None:
    """Run one job in this process: limits, the candidate's package first on the path, its checkpoint under pytest."""
    import pytest

    from workbook.grading.plugin import OutcomeReporter

    package = Path(job["package"])
    _limit(job)
    os.chdir(package)
    sys.path.insert(0, str(package))
    os.environ["PYTHONPATH"] = os.pathsep.join([str(package), job["root"], os.environ.get("PYTHONPATH", "")])
    os.environ["CHECK_SEED"] = str(job["seed"])
    reporter = OutcomeReporter(pipe, job["module"], package / job["source"], [tuple(line) for line in job["line_map"]])
    if reporter.import_candidate():
        chosen = ["-k", f"test_{job['exercise']}_"] if job.get("exercise") else []
        quiet = [
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:randomly",
            "-p",
            "no:xdist",
            "-p",
            "no:cov",
            "-p",
            "no:nbval",
            "-p",
            "no:hypothesispytest",
        ]
        asyncio_mode = ["-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=function"]
        paths = ["--rootdir", job["root"], "-c", os.devnull, "--import-mode=importlib", job["checkpoint"]]
        pytest.main([*quiet, *asyncio_mode, *chosen, *paths], plugins=[reporter])


def _limit(job: dict[str, Any]) -> None:
    for kind, most in ((resource.RLIMIT_CPU, int(job["timeout_s"]) + 1), (resource.RLIMIT_FSIZE, 256 << 20)):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (job["memory_bytes"], job["memory_bytes"]))


def forked(job: dict[str, Any]) -> dict[str, Any]:
    """Check one job in a forked child, at most `timeout_s` long."""
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        _become_child(job, readable, writable)
    os.close(writable)
    lines, timed_out = _read_until(readable, time.monotonic() + job["timeout_s"])
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return {"outcomes": [json.loads(line) for line in lines], "timed_out": timed_out, "output": _tail(job)}


def _become_child(job: dict[str, Any], readable: int, writable: int) -> None:
    try:
        os.setsid()
        os.close(readable)
        log = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        check(job, writable)
    finally:
        os._exit(0)


def _read_until(readable: int, end: float) -> tuple[list[bytes], bool]:
    received = b""
    with os.fdopen(readable, "rb", buffering=0) as pipe:
        while (left := end - time.monotonic()) > 0:
            ready, _, _ = select.select([pipe], [], [], left)
            chunk = pipe.read(65536) if ready else b""
            if not chunk:
                return received.split(b"\n")[:-1], not ready
            received += chunk
    return received.split(b"\n")[:-1], True


def _tail(job: dict[str, Any]) -> str:
    with contextlib.suppress(OSError):
        return Path(job["log"]).read_text(encoding="utf-8", errors="replace")[-4000:]
    return ""


def spawned(job: dict[str, Any]) -> dict[str, Any]:
    """Check one job in a process of its own, for systems without fork."""
    command = [sys.executable, "-m", "workbook.grading.warm", "--once"]
    try:
        ran = subprocess.run(
            command,
            input=json.dumps(job),
            capture_output=True,
            text=True,
            timeout=job["timeout_s"],
            check=False,
            cwd=job["root"],
        )
    except subprocess.TimeoutExpired:
        return {"outcomes": [], "timed_out": True, "output": ""}
    return {
        "outcomes": [json.loads(line) for line in ran.stderr.splitlines() if line.startswith("{")],
        "timed_out": False,
        "output": ran.stdout,
    }


def main() -> None:
    """Serve jobs until standard input closes."""
    if "--once" in sys.argv:
        check(json.load(sys.stdin), 2)
        return
    for name in _SLOW_IMPORTS:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    for line in sys.stdin:
        job = json.loads(line)
        result = forked(job) if hasattr(os, "fork") else spawned(job)
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
