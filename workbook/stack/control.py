"""The callers' side: bring the stack up, take it down, say how it is. Cheap when there is nothing to do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from workbook.stack import locks, logs
from workbook.stack.environment import VARIABLES, EnvFile, UsersChoice, publish
from workbook.stack.errors import StackError
from workbook.stack.layout import CODE_ROOT, Layout
from workbook.stack.state import SETTLED, USABLE, State, Wishes

START_LIMIT_S = 90.0
STOP_LIMIT_S = 15.0


def ensure_up(root: Path | str | None = None, also: Iterable[str] = ()) -> dict[str, str]:
    """Have every server of the stack running, and the URLs of all in `os.environ` and in `.env`.

    Costs a few milliseconds when all is up. Callers that come at once share one stack. What a crash, a `kill
    -9` or a reboot has left behind is put right. Servers whose URL the user has set are not started.

    Args:
        root: The checkout, by default the one this package stands in.
        also: Servers to run besides the usual ones: `kafka`, the real broker.

    Returns:
        Every variable of the stack with its value, the user's or the stack's.

    Raises:
        StackError: A server that every lesson needs can't run; the message says which, why, and what to do.
    """
    layout = Layout.of(root)
    try:
        env_file = EnvFile(layout.env_file)
        choice = UsersChoice.read(env_file, os.environ)
        wanted = (*choice.wanted_servers(), *also)
        state = live_state(layout) if wanted or layout.home.exists() else None
        offered = _offered(state)
        if (wanted and not _satisfies(state, wanted)) or env_file.block_values() != _block(offered, choice):
            layout.prepare()
            with locks.exclusive(layout.caller_lock, START_LIMIT_S):
                offered = _offered(_bring_up(layout, wanted) if wanted else live_state(layout))
                EnvFile(layout.env_file).write_block(_block(offered, choice))
    except OSError as error:
        raise StackError(f"the stack can't work in {layout.root}: {error.strerror} ({error.filename})") from error
    values = {**offered, **choice.values}
    publish(os.environ, values, choice)
    return values


def down(root: Path | str | None = None, *, wipe: bool = False) -> bool:
    """Stop every server and take the stack's lines out of `.env`. Harmless when nothing runs.

    Args:
        root: The checkout, by default the one this package stands in.
        wipe: Delete the servers' data too (databases, topics, remembered ports).

    Returns:
        Whether something was running.
    """
    layout = Layout.of(root)
    if not layout.home.exists():
        EnvFile(layout.env_file).write_block({})
        return False
    with locks.exclusive(layout.caller_lock, START_LIMIT_S):
        was_running = _stop_supervisor(layout)
        Wishes((), Wishes.load(layout).generation + 1).save(layout)
        EnvFile(layout.env_file).write_block({})
        if wipe:
            _wipe(layout)
    return was_running


def release(server: str, root: Path | str | None = None) -> None:
    """Stop one server that was asked for by name (see `ensure_up(also=...)`)."""
    layout = Layout.of(root)
    if live_state(layout) is not None:
        with locks.exclusive(layout.caller_lock, START_LIMIT_S):
            wishes = Wishes.load(layout)
            _wish(layout, tuple(name for name in wishes.servers if name != server))
    if layout.env_file.exists():
        ensure_up(root)


def status(root: Path | str | None = None) -> State | None:
    """How the stack is right now, or None when it isn't running."""
    return live_state(Layout.of(root))


def live_state(layout: Layout) -> State | None:
    """The state, if a supervisor lives to vouch for it; a dead one's file counts for nothing."""
    return State.load(layout) if locks.is_held(layout.supervisor_lock) else None


def _satisfies(state: State | None, wanted: Iterable[str]) -> bool:
    if state is None:
        return False
    known = state.servers
    return all(name in known and (known[name].status in USABLE or _does_without(state, name)) for name in wanted)


def _does_without(state: State, name: str) -> bool:
    server = state.servers[name]
    return server.status == "failed" and not server.required


def _bring_up(layout: Layout, wanted: tuple[str, ...]) -> State:
    """Under the callers' lock: have *wanted* running besides what runs. Failed ones get a new try."""
    if not locks.is_held(layout.supervisor_lock):
        layout.state_file.unlink(missing_ok=True)
        Wishes(wanted, Wishes.load(layout).generation + 1).save(layout)
        _start_supervisor(layout)
        state = _await(layout, wanted, Wishes.load(layout).generation)
    else:
        state = _wish(layout, tuple(dict.fromkeys((*Wishes.load(layout).servers, *wanted))))
    for name in wanted:
        if (server := state.servers[name]).status == "failed" and (server.required or name == "kafka"):
            raise StackError(server.detail)
    return state


def _wish(layout: Layout, servers: tuple[str, ...]) -> State:
    wishes = Wishes(servers, Wishes.load(layout).generation + 1)
    wishes.save(layout)
    os.kill(_supervisor_pid(layout), signal.SIGHUP)
    return _await(layout, servers, wishes.generation)


def _start_supervisor(layout: Layout) -> None:
    log = logs.open_log(layout.log_file("supervisor"))
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(CODE_ROOT), os.environ.get("PYTHONPATH")])),
    }
    try:
        done = subprocess.run(
            [sys.executable, "-m", "workbook.stack.supervisor", str(layout.root)],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=layout.home,
            env=environment,
        )
    finally:
        os.close(log)
    if done.returncode != 0:
        raise StackError(f"the stack's supervisor did not start: {logs.telling_line(layout.log_file('supervisor'))}")


def _await(layout: Layout, names: Iterable[str], generation: int) -> State:
    """Wait until the supervisor has taken up the wishes of *generation* and each of *names* has settled."""

    def settled() -> State | None:
        state = State.load(layout)
        if state is None or state.generation < generation:
            return None
        return state if all(state.servers[name].status in SETTLED for name in names) else None

    def alive() -> bool:
        return locks.is_held(layout.supervisor_lock)

    state = _poll(settled, alive, START_LIMIT_S)
    if state is None:
        log = layout.log_file("supervisor")
        raise StackError(f"the stack's supervisor gave no answer: {logs.telling_line(log)} (log: {log})")
    return state


def _poll(question: Callable[[], State | None], alive: Callable[[], bool], limit_s: float) -> State | None:
    deadline = time.monotonic() + limit_s
    while (answer := question()) is None and alive() and time.monotonic() < deadline:
        time.sleep(0.005)
    return answer


def _supervisor_pid(layout: Layout) -> int:
    return int(layout.supervisor_lock.read_text())


def _stop_supervisor(layout: Layout) -> bool:
    if not locks.is_held(layout.supervisor_lock):
        layout.state_file.unlink(missing_ok=True)
        return False
    pid = _supervisor_pid(layout)
    for number in (signal.SIGTERM, signal.SIGKILL):  # after SIGKILL, the watchdog ends the servers
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + STOP_LIMIT_S
        while time.monotonic() < deadline:
            if not locks.is_held(layout.supervisor_lock):
                return True
            time.sleep(0.005)
    raise StackError(f"the stack's supervisor (process {pid}) does not end: end it by hand and try again")


def _wipe(layout: Layout) -> None:
    import shutil

    for name in (*VARIABLES, "postgres.new"):
        shutil.rmtree(layout.home / name, ignore_errors=True)
    layout.ports_file.unlink(missing_ok=True)


def _offered(state: State | None) -> dict[str, str]:
    """What the running servers offer; a later one in the table wins, so the real Kafka hides the mock."""
    values: dict[str, str] = {}
    for name in VARIABLES:
        if state is not None and name in state.servers:
            values.update(state.servers[name].variables)
    return values


def _block(offered: dict[str, str], choice: UsersChoice) -> dict[str, str]:
    return {name: value for name, value in offered.items() if name not in choice.in_file}
