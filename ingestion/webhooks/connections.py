# Made from solutions/m02_push/09_receiver.ipynb: edit it there.
"""What uvicorn leaves open: how long, and how large, the head of a request may be.

Uvicorn has no deadline for it, and no limit with httptools (its issue 157). No application can add them from
inside: it is called when the head is complete. So a class is put in front of uvicorn's own protocol.
"""

import asyncio
import contextlib
import logging
import re
import sys
from typing import Any

__all__ = [
    "HEAD_BYTES",
    "HEAD_S",
    "MOST_AHEAD",
    "MOST_FILES",
    "TOO_LARGE",
    "TOO_SLOW",
    "HeadClock",
    "OneWrite",
    "allow_connections",
    "logger",
    "put_in_front",
    "without_upgrade",
]


logger = logging.getLogger(__name__)

HEAD_S = 8.0

HEAD_BYTES = 32 << 10

MOST_AHEAD = 100
"""Requests that a connection may send before the first of them is answered. Uvicorn keeps any number."""

TOO_SLOW = b"408 Request Timeout", b'{"error":"the head of the request took too long"}'

TOO_LARGE = b"431 Request Header Fields Too Large", b'{"error":"the head of the request is too large"}'


class OneWrite:
    """Stands in front of a transport, and writes in one piece what was written in one turn of the loop.

    Uvicorn writes the head of an answer and its body one after the other: two system calls, and two packets.
    """

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._pieces: list[bytes] = []
        self._call_soon = asyncio.get_running_loop().call_soon

    def write(self, data: bytes) -> None:
        """Write *data* at the end of this turn, after what was written before."""
        if not self._pieces:
            self._call_soon(self.flush)
        self._pieces.append(data)

    def flush(self) -> None:
        """Write now what has come together."""
        pieces, self._pieces = self._pieces, []
        if pieces and not self._transport.is_closing():
            self._transport.write(b"".join(pieces))

    def close(self) -> None:
        """Close, after what was written."""
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        """Leave everything else to the transport."""
        return getattr(self._transport, name)


_UPGRADE = re.compile(rb"(?im)^upgrade:")


def without_upgrade(data: bytes) -> bytes:
    """Give the bytes of a head, and perhaps what follows it, with the header that asks for another protocol renamed.

    A server may ignore that header (RFC 9110, 7.8). Httptools loses the body of such a request, and all that comes
    after it; Java's own client sends one with the first request of each connection that is not encrypted.
    """
    head, end, rest = data.partition(b"\r\n\r\n")
    return _UPGRADE.sub(b"x-upgrade:", head) + end + rest


class HeadClock(asyncio.Protocol):
    """Stands in front of one of uvicorn's HTTP protocols with a clock, which ends the connection when it runs out.

    It also ends one that sends more than `HEAD_BYTES` in a row of a body without a byte of the body in them, as in
    trailers without end, and one that sends more than `MOST_AHEAD` requests before it has heard an answer.
    """

    cycle: Any
    clock: asyncio.TimerHandle | None = None
    head_bytes = 0

    def connection_made(self, transport: Any) -> None:
        """Start the clock: the first head is due."""
        self._transport = OneWrite(transport)
        super().connection_made(self._transport)  # type: ignore[arg-type]
        self.start_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self.stop_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Pass *data* on, and count what of a body is no body."""
        cycle = self.cycle
        if cycle is None or not cycle.more_body:
            super().data_received(without_upgrade(data) if b"pgrade" in data.lower() else data)
        else:
            had_bytes = len(cycle.body)
            super().data_received(data)
            brought_nothing = cycle.more_body and len(cycle.body) == had_bytes
            self.head_bytes = self.head_bytes + len(data) if brought_nothing else 0
            if self.head_bytes > HEAD_BYTES:
                self.refuse(TOO_LARGE)
        if len(getattr(self, "pipeline", ())) > MOST_AHEAD:
            self._transport.close()

    def on_response_complete(self) -> None:
        """Time and count the rest of a body that was answered before its end like a head: nobody reads it."""
        if self.cycle.response_complete:
            self.cycle.more_body = False
        super().on_response_complete()  # type: ignore[misc]

    def start_clock(self) -> None:
        """Give the head `HEAD_S` seconds from now."""
        self.clock = asyncio.get_running_loop().call_later(HEAD_S, self.refuse, TOO_SLOW)

    def stop_clock(self) -> None:
        """Give up the clock, if one runs."""
        if self.clock is not None:
            self.clock.cancel()
            self.clock = None

    def refuse(self, why: tuple[bytes, bytes]) -> None:
        """Answer with a status and a body, and end the connection; if nothing ever came on it, without a word."""
        self.stop_clock()
        if self._transport.is_closing():
            return
        if self.head_bytes:
            status, body = why
            self._transport.write(
                b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b"
                % (status, len(body), body)
            )
        self._transport.close()


def put_in_front(guard: type[HeadClock], lifespan_receive: Any) -> bool:
    """Have the server that started this application put *guard* in front of its protocol; say whether that worked.

    Uvicorn gives a lifespan a bound method of its own, whose object has the configuration, and asks that for the
    protocol class each time a connection opens.
    """
    config = getattr(getattr(lifespan_receive, "__self__", None), "config", None)
    protocol = getattr(config, "http_protocol_class", None)
    if config is None or not isinstance(protocol, type):
        logger.warning("not served by uvicorn: have the server or proxy in front end slow and large heads")
        return False
    if not issubclass(protocol, HeadClock):
        config.http_protocol_class = type(f"Guarded{protocol.__name__}", (guard, protocol), {})
    return True


MOST_FILES = 65_536


def allow_connections() -> None:
    """Let this process have as many files open, and so connections, as it may: shells start it with 1,024 or 256."""
    if sys.platform != "win32":
        import resource

        allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = MOST_FILES if most == resource.RLIM_INFINITY else min(most, MOST_FILES)
        if allowed != resource.RLIM_INFINITY and allowed < wanted:
            with contextlib.suppress(OSError, ValueError):  # a system may have a lower limit than it says
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
