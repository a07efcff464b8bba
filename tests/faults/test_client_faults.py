"""The client against a server that breaks connections, on real sockets."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from ingestion.errors import AmbiguousError, DeadlineExceededError, PermanentError, TransientError
from ingestion.http.client import HttpClient
from ingestion.resilience.retry import RetryBudget, RetryPolicy

Writer = asyncio.StreamWriter
Answer = Callable[[Writer], Awaitable[None]]

JSON = b"Content-Type: application/json\r\n"
GOOD = b"HTTP/1.1 200 OK\r\n" + JSON + b'Content-Length: 11\r\n\r\n{"data":[]}'
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy"


class Server:
    """Plays one step of *script* for each request, the last for ever: bytes, or what writes them."""

    def __init__(self, *script: bytes | Answer) -> None:
        self.script = script
        self.requests = 0
        self.open = 0
        self.accepted = 0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        self.accepted += 1
        self.open += 1
        try:
            while await _read_request(reader):
                self.requests += 1
                step = self.script[min(self.requests, len(self.script)) - 1]
                if isinstance(step, bytes):
                    writer.write(step)
                else:
                    await step(writer)
        except OSError:
            pass
        finally:
            self.open -= 1
            writer.close()


async def _read_request(reader: asyncio.StreamReader) -> bool:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
    except asyncio.IncompleteReadError:
        return False
    _, found, rest = head.partition(b"content-length:")
    if found:
        await reader.readexactly(int(rest.split(b"\r\n")[0]))
    return True


@contextlib.asynccontextmanager
async def serving(*script: bytes | Answer) -> AsyncIterator[Server]:
    server = Server(*script)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listener.close()


def client(server: Server, **options: Any) -> HttpClient:
    options.setdefault("retry", RetryPolicy(base_s=0.001, cap_s=0.002))
    return HttpClient(server.url, **options)


def reset(writer: Writer) -> None:
    """Close with RST, as a crashed peer or a full firewall table does."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()


async def reset_at_once(writer: Writer) -> None:
    reset(writer)


async def reset_half_way(writer: Writer) -> None:
    writer.write(GOOD[:-5])
    await writer.drain()
    await asyncio.sleep(0.02)
    reset(writer)


async def stop_half_way(writer: Writer) -> None:
    writer.write(GOOD[:-5])
    writer.close()


async def hang_up(writer: Writer) -> None:
    writer.close()


async def drip(writer: Writer) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n" + JSON + b"Content-Length: 1000\r\n\r\n")
    for _ in range(1_000):
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


async def silence(_: Writer) -> None:
    await asyncio.sleep(30)


BREAKS = [reset_at_once, reset_half_way, stop_half_way, hang_up]


@pytest.mark.parametrize("step", BREAKS)
def test_a_broken_connection_is_survived_wherever_it_breaks(step: Answer) -> None:
    """B4."""

    async def main() -> None:
        async with serving(step, step, GOOD) as server, client(server) as http:
            assert (await http.request("GET", "/orders")).json() == {"data": []}
            assert server.requests == 3

    asyncio.run(main())


@pytest.mark.parametrize("step", BREAKS)
def test_an_unsafe_call_meets_the_server_once(step: Answer) -> None:
    """B8."""

    async def main() -> None:
        async with serving(step, GOOD) as server, client(server) as http:
            with pytest.raises(AmbiguousError):
                await http.request("POST", "/orders", json={"n": 1})
            assert server.requests == 1
        async with serving(step, GOOD) as server, client(server) as http:
            await http.request("POST", "/orders", json={"n": 1}, idempotency_key="k")
            assert server.requests == 2

    asyncio.run(main())


def test_an_unsafe_call_that_finds_nobody_is_repeated() -> None:
    """B8: a refused connection sent nothing."""

    async def main() -> None:
        async with serving(GOOD) as server:
            port = int(server.url.rpartition(":")[2])
        waits: list[float] = []

        async def start_server_meanwhile(delay_s: float) -> None:
            waits.append(delay_s)
            if len(waits) == 2:
                started.append(await asyncio.start_server(late.serve, "127.0.0.1", port))

        started: list[asyncio.Server] = []
        late = Server(GOOD)
        async with client(server, retry=RetryPolicy(sleep=start_server_meanwhile)) as http:
            await http.request("POST", "/orders", json={"n": 1})
        assert (late.requests, len(waits)) == (1, 2)
        started[0].close()

    asyncio.run(main())


@pytest.mark.parametrize("step", [drip, silence])
def test_a_server_that_never_ends_is_cut_off_at_the_deadline(step: Answer) -> None:
    """B3: bytes keep coming, so no read time-out ever fires."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with serving(step) as server, client(server, retry=RetryPolicy(deadline_s=0.5)) as http:
            began_s = loop.time()
            with pytest.raises(DeadlineExceededError):
                await http.request("GET", "/orders")
            assert loop.time() - began_s == pytest.approx(0.5, rel=0.1)

    asyncio.run(main())


@pytest.mark.parametrize("step", [drip, silence])
def test_one_slow_attempt_does_not_use_up_the_call(step: Answer) -> None:
    async def main() -> None:
        async with serving(step, GOOD) as server, client(server, attempt_timeout_s=0.1) as http:
            await http.request("GET", "/orders")
            assert server.requests == 2

    asyncio.run(main())


def test_a_thousand_retried_503s_leak_no_connection() -> None:
    """B12."""

    async def main() -> None:
        retry = RetryPolicy(max_attempts=11, base_s=1e-6, cap_s=1e-6, budget=RetryBudget(100_000))
        async with serving(BUSY) as server, client(server, retry=retry, max_connections=4) as http:
            for _ in range(25):
                calls = [http.request("GET", "/orders") for _ in range(4)]
                outcomes = await asyncio.gather(*calls, return_exceptions=True)
                assert {type(outcome) for outcome in outcomes} == {TransientError}
            assert server.requests == 25 * 4 * 11
            assert server.accepted <= 4
            server.script = (GOOD,)
            await asyncio.gather(*(http.request("GET", "/orders") for _ in range(20)))
            assert server.open <= 4
            await http.aclose()
            await asyncio.sleep(0.05)
            assert server.open == 0

    asyncio.run(main())


@pytest.mark.parametrize("step", [drip, reset_half_way, silence])
def test_broken_and_cancelled_exchanges_leak_no_connection(step: Answer) -> None:
    """B12: neither a place in the pool nor a socket."""

    async def main() -> None:
        retry = RetryPolicy(max_attempts=2, deadline_s=0.05, base_s=1e-6, cap_s=1e-6)
        async with serving(step) as server, client(server, retry=retry, max_connections=2) as http:
            calls = [http.request("GET", "/orders") for _ in range(6)]
            await asyncio.gather(*calls, return_exceptions=True)
            server.script = (GOOD,)
            for _ in range(10):
                assert (await http.request("GET", "/orders")).status_code == 200

    asyncio.run(main())


def test_a_body_larger_than_allowed_is_not_read_to_its_end() -> None:
    """P14."""

    async def main() -> None:
        async def flood(writer: Writer) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\n" + JSON + b"Transfer-Encoding: chunked\r\n\r\n")
            while True:
                writer.write(b"10000\r\n" + b" " * 65_536 + b"\r\n")
                sent.append(65_536)
                await writer.drain()

        sent: list[int] = []
        async with serving(flood) as server, client(server, max_body_bytes=1_000_000) as http:
            with pytest.raises(PermanentError, match="1,000,000 bytes"):
                await http.request("GET", "/orders")
            assert server.requests == 1
            assert sum(sent) < 20_000_000

    asyncio.run(main())
