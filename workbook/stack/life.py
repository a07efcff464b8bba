"""The life of one server: started, ready, restarted when it dies, given up when it can't live."""

from __future__ import annotations

import subprocess
import time
from collections import deque
from collections.abc import Callable

from workbook.stack.errors import StackError
from workbook.stack.lifeline import Lifeline
from workbook.stack.server import Server
from workbook.stack.state import USABLE, ServerState, Status

START_LIMIT_S = 60.0
RESTARTS_PER_MINUTE = 5
PORT_ATTEMPTS = 3


class Life:
    """Drives one server through its states; `state` is what callers are told.

    A server that dies after it was ready is started again on the same port, at most five times a minute. One
    whose port was taken in between starts on another. Any other end is final: `failed`, with the telling line
    of its log, until the next `start`. Nothing here waits.
    """

    def __init__(self, server: Server, lifeline: Lifeline, clock: Callable[[], float] = time.monotonic) -> None:
        self.server = server
        self.state = ServerState("starting", required=server.required)
        self._lifeline = lifeline
        self._clock = clock
        self._spawned_at = 0.0
        self._deaths: deque[float] = deque(maxlen=RESTARTS_PER_MINUTE + 1)
        self._ports_lost = 0

    def start(self) -> None:
        """Start, for the first time or after a failure; not at all if this checkout lacks the server."""
        self._deaths.clear()
        self._ports_lost = 0
        if reason := self.server.absence():
            self._become("absent", reason)
        elif self.server.sleeps:
            self._sleep()
        else:
            self._spawn()

    def wake(self) -> None:
        """Somebody has connected to the port of a sleeping server."""
        if self.state.status == "asleep":
            self._spawn()

    def advance(self) -> None:
        """Take note of what has happened to the process."""
        process = self.server.process
        if process is None:
            return
        if process.poll() is not None:
            self._ended(process)
        elif self.state.status == "starting":
            self._check_start(process)

    def tell_to_stop(self) -> None:
        """Ask the process to end; `finish` waits for it."""
        if self.server.process is not None:
            self.server.process.send_signal(self.server.stop_signal)

    def finish(self, deadline: float) -> None:
        """Wait for the process to end; kill it at *deadline*, on the clock of `time.monotonic`."""
        process = self.server.process
        if process is not None:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.send_signal(self.server.kill_signal)
                process.wait()
            self._forget(process)
        if self.server.listener is not None:
            self.server.listener.close()
            self.server.listener = None

    def _spawn(self) -> None:
        self._spawned_at = self._clock()
        try:
            process = self.server.spawn()
        except StackError as error:
            self._become("failed", str(error))
        except (OSError, subprocess.SubprocessError) as error:
            self._become("failed", f"{self.server.name} could not be started: {error}")
        else:
            self._lifeline.watch(process.pid, self.server.kill_signal)
            self._become("starting", pid=process.pid)

    def _sleep(self) -> None:
        try:
            self.server.listener = self.server.listener or self.server.ports.listen(self.server.name)
        except OSError as error:
            self._become("failed", f"{self.server.name} has no port: {error}")
        else:
            self._become("asleep", "starts with the first connection")

    def _check_start(self, process: subprocess.Popen[bytes]) -> None:
        try:
            ready = self.server.is_ready()
        except (StackError, OSError, subprocess.SubprocessError, ValueError) as error:
            self._give_up(process, str(error))
            return
        if ready:
            self._become("ready", pid=process.pid)
            self.state.started_in_s = round(self._clock() - self._spawned_at, 3)
        elif self._clock() - self._spawned_at > START_LIMIT_S:
            self._give_up(process, f"{self.server.name} was not ready within {START_LIMIT_S:.0f} s")

    def _give_up(self, process: subprocess.Popen[bytes], reason: str) -> None:
        process.send_signal(self.server.kill_signal)
        process.wait()
        self._forget(process)
        self._become("failed", f"{reason} (log: .workbook/logs/{self.server.name}.log)")

    def _ended(self, process: subprocess.Popen[bytes]) -> None:
        self._forget(process)
        was_ready = self.state.status == "ready"
        self._deaths.append(self._clock())
        if not was_ready and self.server.lost_its_port() and self._ports_lost < PORT_ATTEMPTS:
            self._ports_lost += 1
            self.server.ports.forget(self.server.name)
            self._spawn()
        elif self._dies_too_often() or not (was_ready or self.server.sleeps):
            self._become("failed", self._obituary(process.returncode))
        elif self.server.sleeps:
            self._sleep()
        else:
            self._spawn()

    def _dies_too_often(self) -> bool:
        return len(self._deaths) > RESTARTS_PER_MINUTE and self._deaths[-1] - self._deaths[0] < 60

    def _obituary(self, code: int) -> str:
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        name = self.server.name
        return f"{name} ended ({how}): {self.server.failure()} (log: .workbook/logs/{name}.log)"

    def _forget(self, process: subprocess.Popen[bytes]) -> None:
        self._lifeline.forget(process.pid)
        self.server.process = None

    def _become(self, status: Status, detail: str = "", pid: int | None = None) -> None:
        if status == "failed" and self.server.listener is not None:
            self.server.listener.close()  # refused at once is better than never answered
            self.server.listener = None
        self.state.status = status
        self.state.detail = detail
        self.state.pid = pid
        self.state.variables = self.server.variables() if status in USABLE else {}
