"""A thousand connections that never finish what they began, and the good ones beside them."""

import selectors
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.receiving import Running, ask, read_reply, running, stripe
from workbook.providers.webhook_load import Outcome, run_load
from workbook.stack.databases import fresh_database

DEADLINE_S = 10.0
HEAD = b"POST /webhooks/stripe HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
STALLS = {
    "nothing": b"",
    "half a line": b"POST /webh",
    "half a head": HEAD,
    "half a body": HEAD + b"Content-Length: 500\r\n\r\n{",
    "half a chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n100\r\n{",
}


class Stalled:
    """Connections that each send something now, and then a byte a second, or nothing."""

    def __init__(self, receiver: Running, count: int, starts: list[bytes], *, trickle: bool) -> None:
        self.began_s = time.monotonic()
        self._trickle = trickle
        self._selector = selectors.DefaultSelector()
        self.replies: list[bytes] = []
        self.closed_s: list[float] = []
        for number in range(count):
            connection = socket.create_connection(("127.0.0.1", receiver.port), 10)
            connection.sendall(starts[number % len(starts)])
            connection.setblocking(False)
            self._selector.register(connection, selectors.EVENT_READ, bytearray())

    @property
    def open(self) -> int:
        return len(self._selector.get_map())

    def watch(self, until_s: float) -> None:
        """Take note of what is closed until so many seconds after the start, or until all are."""
        next_byte_s = time.monotonic() + 1
        while self.open and time.monotonic() - self.began_s < until_s:
            for key, _ in self._selector.select(0.05):
                self._hear(key)
            if self._trickle and time.monotonic() > next_byte_s:
                next_byte_s += 1
                for key in list(self._selector.get_map().values()):
                    try:
                        key.fileobj.send(b"x")  # type: ignore[union-attr]
                    except OSError:
                        continue

    def _hear(self, key: selectors.SelectorKey) -> None:
        connection = key.fileobj
        assert isinstance(connection, socket.socket)
        try:
            data = connection.recv(4096)
        except OSError:
            data = b""
        key.data.extend(data)
        if not data:
            self._selector.unregister(connection)
            connection.close()
            self.replies.append(bytes(key.data))
            self.closed_s.append(time.monotonic() - self.began_s)


@pytest.mark.slow
@pytest.mark.parametrize("trickle", [False, True], ids=["silent", "a byte a second"])
@pytest.mark.parametrize("start", STALLS)
def test_whoever_does_not_finish_is_closed_within_ten_seconds(started: Running, start: str, trickle: bool) -> None:
    """R10: bytes that trickle in buy no time."""
    stalled = Stalled(started, 5, [STALLS[start]], trickle=trickle)
    stalled.watch(DEADLINE_S)
    assert stalled.open == 0
    for reply in stalled.replies:
        if start == "nothing":
            assert reply == b"" or trickle
        else:
            assert reply.startswith(b"HTTP/1.1 408 "), reply
            assert b'{"error":' in reply


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/healthz", "/nowhere"])
def test_a_body_that_nobody_reads_has_a_deadline_too(started: Running, path: str) -> None:
    """R10: it was answered before its end; a byte a second keeps the connection no longer than it would a head."""
    start = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\n{{".encode()
    stalled = Stalled(started, 3, [start], trickle=True)
    stalled.watch(DEADLINE_S)
    assert stalled.open == 0
    assert all(reply.startswith(b"HTTP/1.1 40") for reply in stalled.replies)


@pytest.fixture(scope="module")
def started(stack: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("stalled")
    with fresh_database(stack["DB_URL"]) as db_url, running(folder, db_url, stack["REDIS_URL"]) as receiver:
        yield receiver


def test_a_connection_that_is_kept_alive_has_no_deadline_but_uvicorns(started: Running) -> None:
    """The clock of a head that has come in full is stopped, also when a body followed it in pieces."""
    request = stripe(1, note="x" * 500_000)
    with socket.create_connection(("127.0.0.1", started.port), 20) as connection:
        for begin in range(0, len(request), 50_000):
            connection.sendall(request[begin : begin + 50_000])
            time.sleep(0.01)
        assert read_reply(connection).status == 200
        for _ in range(5):
            time.sleep(2.0)
            connection.sendall(stripe(1))
            assert read_reply(connection).json == {"status": "duplicate"}


def test_an_endless_head_is_cut_off_by_its_size(started: Running) -> None:
    sent = 0
    with socket.create_connection(("127.0.0.1", started.port), 20) as connection:
        connection.sendall(HEAD)
        try:
            while sent < 50_000_000:
                connection.sendall(b"X-%d: " % sent + b"y" * 8_000 + b"\r\n")
                sent += 8_000
        except OSError:
            pass
        reply = read_reply(connection)
    assert sent < 20_000_000
    assert reply.status in (431, 0)


def test_a_shells_limit_on_open_files_is_no_limit_on_connections(db_url: str, redis_url: str, tmp_path: Path) -> None:
    """Started with 128 open files allowed, it serves beside 300 connections that stand still."""
    with running(tmp_path, db_url, redis_url, open_files=128) as receiver:
        stalled = Stalled(receiver, 300, [HEAD], trickle=False)
        assert ask(receiver, stripe(1)).json == {"status": "accepted"}
        assert stalled.open == 300
        stalled.watch(DEADLINE_S)
        assert stalled.open == 0
        assert "Too many open files" not in receiver.said()


@pytest.mark.alone
@pytest.mark.slow
def test_a_thousand_stalled_connections_do_not_slow_the_good_ones(db_url: str, redis_url: str, tmp_path: Path) -> None:
    """R10: p99 of 32 good connections stays under twice what it is without; the stalled are gone within 10 s."""
    with running(tmp_path, db_url, redis_url, options="--no-access-log") as receiver:

        def good(seed: int, seconds: float = 4.0) -> Outcome:
            return run_load(
                receiver.url, "--connections", "32", "--count", "20000", "--seconds", f"{seconds}", "--seed", f"{seed}"
            )

        good(1, 1.0)
        alone, beside = [], []
        for number in range(3):
            alone.append(good(10 + number).latency_ms(0.99))
            stalled = Stalled(receiver, 1_000, list(STALLS.values()), trickle=False)
            beside.append(good(20 + number).latency_ms(0.99))
            assert stalled.open == 1_000  # they were there all the time
            stalled.watch(2 * DEADLINE_S)
            assert stalled.open == 0
        print(f"\np99 ms alone {[f'{ms:.1f}' for ms in alone]}, beside 1,000 stalled {[f'{ms:.1f}' for ms in beside]}")
        assert min(beside) < 2 * min(alone)
        assert ask(receiver, stripe(5)).status == 200
