"""A checkout of its own for each test of the stack, free of the developer's URLs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from workbook.stack.environment import MARKER, NAMES, parse
from workbook.stack.layout import CODE_ROOT, Layout
from workbook.stack.state import State


@dataclass
class Checkout:
    """Runs `python -m workbook.stack` for one root, as another user if asked, and knows its processes."""

    root: Path
    user: str | None = None
    environment: dict[str, str] = field(default_factory=dict)
    python: str = sys.executable

    @property
    def layout(self) -> Layout:
        return Layout.of(self.root)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.python, "-m", "workbook.stack", "--root", str(self.root), *arguments],
            env=self._environment(),
            cwd=CODE_ROOT,
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
            user=self.user,
            extra_groups=[] if self.user else None,
        )

    def popen(self, *arguments: str) -> subprocess.Popen[str]:
        command = [self.python, "-m", "workbook.stack", "--root", str(self.root), *arguments]
        return subprocess.Popen(command, env=self._environment(), cwd=CODE_ROOT, stdout=subprocess.PIPE, text=True)

    def up(self) -> dict[str, str]:
        done = self.run("up")
        assert done.returncode == 0, done.stderr
        return parse(done.stdout)

    def state(self) -> State:
        state = State.load(self.layout)
        assert state is not None
        return state

    def processes(self) -> list[psutil.Process]:
        """The supervisor with everything it has started, children of children included."""
        supervisor = psutil.Process(int(self.layout.supervisor_lock.read_text()))
        return [supervisor, *supervisor.children(recursive=True)]

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in (*NAMES, MARKER)}
        return {**kept, "HOME": str(self.root), **self.environment}


def python_for(user: str) -> tuple[str, dict[str, str]]:
    """An interpreter that *user* may run, with the environment that gives it this one's packages.

    This one, or, should it lie in a closed folder (a pyenv of root's), the system's of the same version.
    """
    packages = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path.endswith("site-packages"))}
    system = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    for python, environment in ((sys.executable, {}), (system, packages)):
        try:
            subprocess.run([python, "-c", "import psutil"], user=user, env=environment, check=True, cwd="/")
        except (OSError, subprocess.CalledProcessError):
            continue
        return python, environment
    pytest.skip(f"no Python that {user} may run: {sys.executable} is closed to it, {system} won't do")


def still_alive(processes: Iterable[psutil.Process], within_s: float) -> list[psutil.Process]:
    """Those of *processes* that have not ended after *within_s*. A zombie has ended."""
    deadline = time.monotonic() + within_s
    alive = list(processes)
    while alive and time.monotonic() < deadline:
        alive = [process for process in alive if _lives(process)]
        time.sleep(0.02)
    return alive


def words(process: psutil.Process) -> str:
    """The command line of *process*; empty if it has ended meanwhile, as a backend does when its client leaves."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
