"""Run the receiver as its users do, in a process of its own, and talk to it in raw bytes."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from workbook.providers.webhook_load import raw_request, stripe_events
from workbook.providers.webhook_sender import SECRETS

ROOT = Path(__file__).resolve().parent.parent
READY = re.compile(r"Uvicorn running on (\S+)")


class Running:
    """A receiver in a process of its own."""

    def __init__(self, process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
        self.process = process
        self.url = url
        self.log = log
        self.port = urlsplit(url).port or 0

    def said(self) -> str:
        """Give all that it has written to stdout and stderr."""
        return self.log.read_text(errors="replace")

    def kill(self) -> None:
        """Kill it as a power cut would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ask it to stop, and wait; gives its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@contextmanager
def running(
    folder: Path,
    db_url: str,
    redis_url: str,
    *,
    port: int = 0,
    secrets: dict[str, Any] | None = None,
    options: str = "",
    open_files: int | None = None,
) -> Iterator[Running]:
    """Serve `ingestion.webhooks.receiver:app` with uvicorn until the block is left."""
    given = {"DB_URL": db_url, "REDIS_URL": redis_url, "WEBHOOK_SECRETS": json.dumps(secrets or SECRETS)}
    log = folder / f"receiver-{time.monotonic_ns()}.log"
    limit = ["bash", "-c", f'ulimit -Sn {open_files}; exec "$@"', "bash"] if open_files else []
    line = [
        *limit,
        sys.executable,
        "-m",
        "uvicorn",
        "ingestion.webhooks.receiver:app",
        "--port",
        str(port),
        *options.split(),
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(line, cwd=ROOT, env={**os.environ, **given}, stdout=output, stderr=output)
    try:
        deadline_s = time.monotonic() + 60
        while not (found := READY.search(log.read_text(errors="replace"))):
            assert process.poll() is None, log.read_text(errors="replace")
            assert time.monotonic() < deadline_s, log.read_text(errors="replace")
            time.sleep(0.02)
        yield Running(process, found[1], log)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def stripe(number: int = 1, *, seed: int = 1, **fields: Any) -> bytes:
    """Give the signed bytes of one small Stripe request."""
    body = json.loads(next(iter(stripe_events(1, seed=seed)))) | {"id": f"evt_{seed}_{number}", **fields}
    return raw_request("stripe", json.dumps(body).encode(), now=datetime.now(UTC))


def signed(body: bytes, provider: str = "stripe", **headers: str) -> bytes:
    """Give the bytes of a request with this very body, rightly signed, and perhaps with more headers."""
    request = raw_request(provider, body, now=datetime.now(UTC))
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    line, _, rest = request.partition(b"\r\n")
    return line + b"\r\n" + more.encode() + rest


class Reply:
    """An HTTP answer."""

    def __init__(self, data: bytes) -> None:
        head, _, self.body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(first.split()[1]) if first else 0
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}

    @property
    def json(self) -> Any:
        """Give the body, decoded."""
        return json.loads(self.body)


def read_reply(connection: socket.socket) -> Reply:
    """Read one answer; its status is 0 when the connection ended without one."""
    data = b""
    while True:
        head, found, rest = data.partition(b"\r\n\r\n")
        if found:
            length = re.search(rb"(?i)content-length: (\d+)", head)
            if length and len(rest) >= int(length[1]):
                return Reply(data)
        try:
            more = connection.recv(65_536)
        except ConnectionError:
            more = b""
        if not more:
            return Reply(data)
        data += more


def ask(receiver: Running, request: bytes, *, timeout_s: float = 30.0) -> Reply:
    """Send raw bytes and give the answer."""
    with socket.create_connection(("127.0.0.1", receiver.port), timeout_s) as connection:
        with suppress(ConnectionError):
            connection.sendall(request)
        return read_reply(connection)
