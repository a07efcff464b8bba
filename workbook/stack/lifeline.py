"""The supervisor's end of the watchdog: whom to kill should the supervisor itself be killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import suppress

from workbook.stack import watchdog


class Lifeline:
    """Keeps a watchdog process informed of the servers that run, and replaces it should it be killed."""

    def __init__(self) -> None:
        self._watched: dict[int, signal.Signals] = {}
        self._process = self._spawn()

    def watch(self, pid: int, with_signal: signal.Signals) -> None:
        """Have *pid* killed by *with_signal* when this process dies."""
        self._watched[pid] = with_signal
        self._tell(f"watch {pid} {int(with_signal)}\n")

    def forget(self, pid: int) -> None:
        """*pid* has ended: its number may soon belong to a stranger."""
        self._watched.pop(pid, None)
        self._tell(f"forget {pid}\n")

    def mend(self) -> None:
        """Replace a watchdog that has died."""
        if self._process.poll() is not None:
            self._close_pipe()
            self._process = self._spawn()
            for pid, with_signal in self._watched.items():
                self._tell(f"watch {pid} {int(with_signal)}\n")

    def close(self) -> None:
        """Let the watchdog end, once all servers have."""
        self._close_pipe()
        self._process.wait()

    def _close_pipe(self) -> None:
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()

    def _spawn(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", watchdog.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        with suppress(OSError):  # it has died: mend() follows with the SIGCHLD
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()
