"""Free ports on 127.0.0.1, the same ones from run to run where that is possible."""

from __future__ import annotations

import json
import socket

from workbook.stack.layout import Layout, read_json, write_atomically

HOST = "127.0.0.1"


class PortMemory:
    """Hands out a port per name and remembers it, so URLs survive `make down` and `make up`."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        known = read_json(layout.ports_file)
        self._ports: dict[str, int] = known if isinstance(known, dict) else {}

    def choose(self, name: str) -> int:
        """A port that is free now, the remembered one if possible. Others may take it before its use."""
        with self.listen(name) as listener:
            return int(listener.getsockname()[1])

    def listen(self, name: str) -> socket.socket:
        """A listening socket, on the remembered port if that is free: nobody can take it any more."""
        listener = _bound(self._ports.get(name, 0)) or _bound(0)
        if listener is None:
            raise OSError(f"no free port on {HOST}")
        listener.listen(512)
        self._remember(name, int(listener.getsockname()[1]))
        return listener

    def forget(self, name: str) -> None:
        """Choose a fresh port for *name* next time: the remembered one turned out to be taken."""
        self._ports.pop(name, None)

    def _remember(self, name: str, port: int) -> None:
        if self._ports.get(name) != port:
            self._ports[name] = port
            write_atomically(self._layout.ports_file, json.dumps(self._ports).encode())


def _bound(port: object) -> socket.socket | None:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # Connections of the last run linger in TIME_WAIT for a minute; they must not cost us the remembered port.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port if isinstance(port, int) else 0))
    except (OSError, OverflowError):
        listener.close()
        return None
    return listener


def accepts_connections(host: str, port: int, timeout_s: float = 1.0) -> bool:
    """Whether something listens on *host*:*port*."""
    try:
        socket.create_connection((host, port), timeout=timeout_s).close()
    except OSError:
        return False
    return True
