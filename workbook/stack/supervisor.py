"""The one background process of a checkout's stack: `python -m workbook.stack.supervisor ROOT`.

It starts the servers its callers wish for, restarts those that die, wakes those that sleep, keeps
`state.json` true and the logs short. It holds `supervisor.lock` for its whole life and, when all is quiet,
wakes up once a minute. It ends on SIGTERM, or once its `.workbook` folder has been deleted, and takes all its
servers along.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import sys
import time
from contextlib import suppress
from copy import deepcopy
from pathlib import Path

from workbook.stack import logs
from workbook.stack.catalogue import SERVERS
from workbook.stack.layout import Layout
from workbook.stack.life import Life
from workbook.stack.lifeline import Lifeline
from workbook.stack.locks import try_lock
from workbook.stack.ports import PortMemory
from workbook.stack.state import State, Wishes

STARTING_TICK_S = 0.005
QUIET_TICK_S = 60.0
STOP_LIMIT_S = 5.0


class Supervisor:
    """Runs servers until told to stop. Single-threaded: servers are asked in turn, and none of them waits."""

    def __init__(self, layout: Layout, lock: int) -> None:
        self._layout = layout
        self._lock = lock
        self._lifeline = Lifeline()
        self._ports = PortMemory(layout)
        self._lives: dict[str, Life] = {}
        self._state = State(os.getpid(), generation=-1)
        self._saved: State | None = None
        self._selector = selectors.DefaultSelector()
        self._signals, self._waker = _catch_signals(self._on_signal)
        self._selector.register(self._signals, selectors.EVENT_READ)
        self._must_stop = False
        self._must_reload = True
        self._quiet_since = time.monotonic()

    def run(self) -> None:
        """Serve until SIGTERM; whatever happens, leave no server behind."""
        try:
            while not self._must_stop:
                if self._must_reload:
                    self._must_reload = False
                    self._reload()
                for life in self._lives.values():
                    life.advance()
                self._lifeline.mend()
                self._save()
                self._wait()
        finally:
            self._end(list(self._lives.values()))
            self._lifeline.close()
            with suppress(OSError):
                self._layout.state_file.unlink(missing_ok=True)
            signal.set_wakeup_fd(-1)
            for each in (self._selector, self._signals, self._waker):
                each.close()

    def _on_signal(self, number: int, frame: object) -> None:
        self._must_stop = self._must_stop or number == signal.SIGTERM
        self._must_reload = self._must_reload or number == signal.SIGHUP

    def _reload(self) -> None:
        """Do as the wishes now say: end what nobody wants any more, start what is new or has failed."""
        wishes = Wishes.load(self._layout)
        self._end([self._lives.pop(name) for name in set(self._lives) - set(wishes.servers)])
        for name, kind in SERVERS.items():
            if name in wishes.servers and name not in self._lives:
                self._lives[name] = Life(kind(self._layout, self._ports), self._lifeline)
                self._lives[name].start()
            elif name in self._lives and self._lives[name].state.status in ("failed", "absent"):
                self._lives[name].start()
        self._state.generation = wishes.generation

    def _wait(self) -> None:
        """Sleep until a signal, a connection for a sleeping server, or the next tick."""
        asleep = self._listeners_of_sleepers()
        for listener in asleep:
            self._selector.register(listener, selectors.EVENT_READ)
        starting = any(life.state.status == "starting" for life in self._lives.values())
        awake = [key.fileobj for key, _ in self._selector.select(STARTING_TICK_S if starting else QUIET_TICK_S)]
        for listener, life in asleep.items():
            self._selector.unregister(listener)
            if listener in awake:
                life.wake()
        with suppress(BlockingIOError):
            self._signals.recv(4096)
        if time.monotonic() - self._quiet_since >= QUIET_TICK_S:
            self._tidy()

    def _listeners_of_sleepers(self) -> dict[socket.socket, Life]:
        lives = [life for life in self._lives.values() if life.state.status == "asleep"]
        return {life.server.listener: life for life in lives if life.server.listener is not None}

    def _tidy(self) -> None:
        self._quiet_since = time.monotonic()
        for log in (self._layout.home / "logs").glob("*.log"):
            logs.trim(log)
        try:
            ours = self._layout.supervisor_lock.stat().st_ino == os.fstat(self._lock).st_ino
        except OSError:
            ours = False
        self._must_stop = self._must_stop or not ours  # nobody could find us any more

    def _save(self) -> None:
        self._state.servers = {name: life.state for name, life in self._lives.items()}
        if self._state != self._saved:
            with suppress(OSError):  # a full disk must not end the servers
                self._state.save(self._layout)
                self._saved = deepcopy(self._state)

    def _end(self, lives: list[Life]) -> None:
        for life in lives:
            life.tell_to_stop()
        deadline = time.monotonic() + STOP_LIMIT_S
        for life in lives:
            life.finish(deadline)


def _catch_signals(handler: signal._HANDLER) -> tuple[socket.socket, socket.socket]:
    """Have *handler* called for the signals of interest; the first socket is readable after each, by the second."""
    reading, writing = socket.socketpair()
    reading.setblocking(False)
    writing.setblocking(False)
    signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGINT):
        signal.signal(number, handler)
    return reading, writing


def main(root: str) -> int:
    """Become a daemon that holds the lock; returns at once in the process that was called."""
    layout = Layout.of(Path(root))
    lock = os.open(layout.supervisor_lock, os.O_RDWR | os.O_CREAT, 0o644)
    deadline = time.monotonic() + 2
    while not try_lock(lock):  # somebody may just be looking whether it is held
        if time.monotonic() > deadline:
            print("error: another supervisor is running", file=sys.stderr)
            return 1
        time.sleep(0.01)
    if (daemon := os.fork()) != 0:
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(daemon).encode(), 0)
        return 0
    os.setsid()
    Supervisor(layout, lock).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
