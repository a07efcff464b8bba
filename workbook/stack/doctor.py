"""What is right and wrong with this machine: the data behind `python grade.py doctor`."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from workbook.stack.environment import EnvFile, UsersChoice
from workbook.stack.errors import StackError, require_python
from workbook.stack.layout import Layout
from workbook.stack.locks import is_held

_DEFAULT_PORTS = {
    "postgresql": 5432,
    "postgres": 5432,
    "redis": 6379,
    "rediss": 6379,
    "http": 80,
    "https": 443,
}
_CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `remedy` is a line, empty when all is well; `optional` things may be missing."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    optional: bool = False


def diagnose(root: Path | str | None = None) -> list[Finding]:
    """Look at everything the workbook needs from this machine. Starts nothing and changes nothing."""
    layout = Layout.of(root)
    findings = [
        _by_error("python", f"Python {sys.version.split()[0]} at {sys.executable}", require_python),
        _by_error("disk", f"{shutil.disk_usage(layout.root).free // 2**20} MB free", layout.require_free_disk),
        _checkout(layout),
        _postgres(),
        _redis(),
        _kafka(),
        _chromium(),
        _leftovers(layout),
    ]
    return findings + _urls(layout)


def _by_error(name: str, detail: str, check: Callable[[], None]) -> Finding:
    try:
        check()
    except StackError as error:
        said, _, remedy = str(error).partition(": ")
        return Finding(name, False, said, remedy)
    return Finding(name, True, detail)


def _checkout(layout: Layout) -> Finding:
    blocked = [path for path in (layout.root, layout.home) if path.exists() and not os.access(path, os.W_OK)]
    if blocked:
        return Finding(
            "checkout", False, f"cannot write {blocked[0]}", "work as the checkout's owner, or clone it anew"
        )
    return Finding("checkout", True, f"{layout.root} can be written")


def _postgres() -> Finding:
    from workbook.stack.postgres import find_binaries

    if (found := find_binaries()) is None:
        return Finding("postgres", False, "no PostgreSQL wheel in this Python", "pip install -r requirements.txt")
    return Finding("postgres", True, str(found / "postgres"))


def _redis() -> Finding:
    from workbook.stack.redis import find_binary

    if (found := find_binary()) is None:
        remedy = "`apt install redis-server` or `brew install redis`, or set REDIS_URL to a server"
        return Finding("redis", False, "no redis-server on the PATH", remedy)
    return Finding("redis", True, str(found))


def _kafka() -> Finding:
    from workbook.stack.kafka_broker import what_is_missing

    said, _, remedy = what_is_missing().partition(": ")
    return Finding("kafka", not said, said or "Java and Maven are there for `make kafka`", remedy, optional=True)


def _chromium() -> Finding:
    found = next(filter(None, map(shutil.which, _CHROMIUMS)), None)
    remedy = "" if found else "`apt install chromium`, only for the browser tests"
    return Finding("chromium", found is not None, found or "no Chromium on the PATH", remedy, optional=True)


def _leftovers(layout: Layout) -> Finding:
    if layout.state_file.exists() and not is_held(layout.supervisor_lock):
        return Finding("stack", False, "left behind by a killed supervisor", "`make up` puts it right")
    running = is_held(layout.supervisor_lock)
    return Finding("stack", True, "running" if running else "not running; it starts with the first use")


def _urls(layout: Layout) -> list[Finding]:
    """Whether each URL answers: the user's, and the stack's where it runs. What sleeps is not woken."""
    from workbook.stack.control import live_state

    choice = UsersChoice.read(EnvFile(layout.env_file), os.environ)
    state = live_state(layout)
    servers = state.servers if state else {}
    findings = [
        Finding(name, False, server.detail, "mend that, then `make up`", optional=not server.required)
        for name, server in servers.items()
        if server.status == "failed"
    ]
    addresses: dict[str, str] = {}
    for server in servers.values():
        if server.status == "ready":
            addresses.update(server.variables)
    addresses.update(choice.values)
    return findings + [
        reach(name, url, is_users=name in choice.values) for name, url in addresses.items() if _is_address(name)
    ]


def _is_address(name: str) -> bool:
    return name.endswith(("_URL", "_SERVERS"))


def reach(name: str, url: str, *, is_users: bool) -> Finding:
    """Whether something answers at *url*, which the variable *name* holds."""
    from workbook.stack.ports import accepts_connections

    parts = urlsplit(url.split(",")[0] if "://" in url else f"tcp://{url.split(',')[0]}")
    host = parts.hostname or "127.0.0.1"
    place = f"{host}:{parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)}"  # never the URL: it may hold a password
    if accepts_connections(host, int(place.rpartition(":")[2])):
        return Finding(name, True, f"{place} answers{' (set by you)' if is_users else ''}")
    remedy = (
        f"start that server, or unset {name} to use the embedded one" if is_users else "`make down`, then `make up`"
    )
    return Finding(name, False, f"nothing answers at {place}", remedy)
