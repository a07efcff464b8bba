"""The provider on a port of its own: in a thread for a test, or in the foreground for a container."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from workbook.providers.client import MockSession, open_session

if TYPE_CHECKING:
    import uvicorn

__all__ = ["Provider", "run", "serve"]

_START_TIMEOUT_S = 20.0


class Provider:
    """A running provider; `root` is its address without a slash at the end."""

    def __init__(self, root: str) -> None:
        self.root = root

    def session(self, scenario: str = "calm", *, seed: int = 0, **options: Any) -> MockSession:
        """Open a session on it: see `client.open_session`."""
        return open_session(scenario, seed=seed, root=self.root, **options)


@contextmanager
def serve(host: str = "127.0.0.1", port: int = 0) -> Iterator[Provider]:
    """A provider in a thread of this process, listening once the block begins and gone once it ends.

    Args:
        host: The address to listen on.
        port: The port; 0 takes a free one.

    Raises:
        OSError: The port is taken.
        RuntimeError: The server didn't start in 20 seconds.
    """
    listener = socket.create_server((host, port), backlog=2048)
    server = _server()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="mock-provider", daemon=True)
    thread.start()
    try:
        _wait_until_started(server, thread)
        yield Provider(f"http://{host}:{listener.getsockname()[1]}")
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()


def run(host: str, port: int) -> None:
    """Serve in the foreground until interrupted.

    Raises:
        OSError: The port is taken.
    """
    with socket.create_server((host, port), backlog=2048) as listener:
        print(f"mock provider on http://{host}:{listener.getsockname()[1]}", flush=True)
        _server().run(sockets=[listener])


def _server() -> uvicorn.Server:
    """Quiet, quick to stop, and without uvicorn's own `Date`: the session's clock makes that."""
    import uvicorn  # here, so that those who only ask a provider don't wait for what serves one

    from workbook.providers.app import create_app

    config = uvicorn.Config(
        create_app(),
        log_level="warning",
        access_log=False,
        date_header=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
        timeout_keep_alive=60,
    )
    return uvicorn.Server(config)


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError(f"the mock provider didn't start within {_START_TIMEOUT_S:.0f} s")
        time.sleep(0.005)
