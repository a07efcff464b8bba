"""What the supervisor needs to know of a server. Each kind is a small subclass in a module of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

from workbook.stack import logs
from workbook.stack.environment import NAMES
from workbook.stack.layout import CODE_ROOT, Layout
from workbook.stack.ports import PortMemory
from workbook.stack.privileges import Account, before_exec


class Server:
    """One server process of the stack, possibly restarted.

    A subclass says how it is started (`command`), when it can be used (`is_ready`) and what it offers
    (`variables`). None of these waits: they are asked again every few milliseconds while the server starts.
    """

    name: ClassVar[str]
    required: ClassVar[bool] = True
    sleeps: ClassVar[bool] = False
    """It starts with the first connection to its port: what nobody uses costs nothing."""
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    kill_signal: ClassVar[signal.Signals] = signal.SIGKILL
    """Ends it at once, together with the processes it has started."""

    def __init__(self, layout: Layout, ports: PortMemory) -> None:
        self.layout = layout
        self.ports = ports
        self.process: subprocess.Popen[bytes] | None = None
        self.listener: socket.socket | None = None
        self.log_offset_bytes = 0

    def absence(self) -> str:
        """Why this checkout doesn't have the server at all, or an empty string."""
        return ""

    def prepare(self) -> None:
        """Whatever has to be there before the process starts.

        Raises:
            StackError: Something is missing; the message says what to do.
        """

    def command(self) -> list[str]:
        """The program and its arguments; called after `prepare`."""
        raise NotImplementedError

    def is_ready(self) -> bool:
        """Whether clients can use it."""
        raise NotImplementedError

    def variables(self) -> dict[str, str]:
        """What it offers to clients, by variable name."""
        raise NotImplementedError

    def account(self) -> Account | None:
        """Whom it runs as, when not as the caller."""
        return None

    def inherited_descriptors(self) -> tuple[int, ...]:
        """The open files it gets from the supervisor."""
        return ()

    @property
    def folder(self) -> Path:
        """Where it keeps its data."""
        return self.layout.home / self.name

    @property
    def log_file(self) -> Path:
        """Where its output goes."""
        return self.layout.log_file(self.name)

    def spawn(self) -> subprocess.Popen[bytes]:
        """Start the process in a session of its own, writing to its log. It dies with the supervisor."""
        self.prepare()
        log = logs.open_log(self.log_file)
        self.log_offset_bytes = logs.size_bytes(self.log_file)
        try:
            self.process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.layout.home,
                env=environment_of_servers(),
                pass_fds=self.inherited_descriptors(),
                start_new_session=True,
                preexec_fn=before_exec(self.account(), self.kill_signal),
            )
        finally:
            os.close(log)
        return self.process

    def failure(self) -> str:
        """The line of its log, since it was last started, that says why it ended."""
        return logs.telling_line(self.log_file, self.log_offset_bytes)

    def lost_its_port(self) -> bool:
        """Whether it ended because another process had taken its port in between."""
        return "already in use" in logs.text_since(self.log_file, self.log_offset_bytes).lower()


def environment_of_servers() -> dict[str, str]:
    """The caller's environment without what could bend a server (`PG*`, `AWS_*`, the stack's own)."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PG", "AWS_", "PYTEST_", "COVERAGE_", "COV_CORE_")) and name not in NAMES
    }
    kept["PYTHONPATH"] = os.pathsep.join(filter(None, [str(CODE_ROOT), os.environ.get("PYTHONPATH")]))
    return kept | {"LC_ALL": "C", "PYTHONUTF8": "1"}


def python_program(module: str, *arguments: object) -> list[str]:
    """The command that runs *module* in the interpreter that runs this."""
    return [sys.executable, "-m", module, *(str(argument) for argument in arguments)]
