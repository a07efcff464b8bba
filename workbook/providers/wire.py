"""How an answer travels: whole, slowly, cut short, or into a reset connection.

Resets, truncation and dripping happen on the real socket, so a client meets what it will meet in production.
Without a socket (`httpx.ASGITransport`) a cut answer is raised as `ConnectionResetError` instead.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import cast

from starlette.types import Receive, Send

from workbook.providers.options import Fault
from workbook.providers.replies import Reply

__all__ = ["deliver", "read_request", "reset_connection"]

_FLUSH_S = 0.02
"""How long the bytes before a cut get to reach the client: a reset may overtake them."""


async def deliver(reply: Reply, fault: Fault | None, receive: Receive, send: Send) -> None:
    """Send the answer as the fault has it travel; returns once the last byte that will go has gone."""
    body = reply.body
    if fault is not None and fault.reset == "before_headers":
        await reset_connection(send)
        return
    if fault is not None and fault.cut_json:
        body = body[: len(body) // 2]
    headers = [(name, value) for name, value in reply.headers if name != b"content-length"]
    if reply.status >= 200 and reply.status not in (204, 304):
        headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    if fault is not None and (fault.reset == "mid_body" or fault.truncated):
        half = body[: len(body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        await asyncio.sleep(_FLUSH_S)
        await (_close_connection(send) if fault.truncated else reset_connection(send))
    elif fault is not None and fault.drip_bytes_per_s:
        await _drip(body, fault.drip_bytes_per_s, receive, send)
    else:
        await send({"type": "http.response.body", "body": body})


async def read_request(receive: Receive) -> None:
    """Take in the whole request and forget it.

    A client that is still sending when the reset comes learns of it from its write, and its read then finds a
    mere end of stream.
    """
    while (await receive()).get("more_body", False):
        pass


async def reset_connection(send: Send) -> None:
    """End the connection with a TCP reset: the client's next read fails with `ECONNRESET`."""
    transport = _transport(send)
    connection = transport.get_extra_info("socket")
    if connection is not None:
        # Closing a socket that lingers for zero seconds sends RST instead of FIN.
        no_linger = struct.pack("HH" if hasattr(socket, "SO_EXCLUSIVEADDRUSE") else "ii", 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_linger)
    transport.abort()
    await asyncio.sleep(0)  # lets the server notice, so that it doesn't report an unfinished answer


async def _close_connection(send: Send) -> None:
    """End the connection in good order (FIN), however much of the answer is missing."""
    _transport(send).close()
    await asyncio.sleep(0)


async def _drip(body: bytes, bytes_per_s: float, receive: Receive, send: Send) -> None:
    """Send the body in at most ten small pieces a second, and stop when the client has gone."""
    piece = max(1, int(bytes_per_s / 10))
    gone = asyncio.ensure_future(_until_gone(receive))
    try:
        for start in range(0, len(body), piece):
            more = start + piece < len(body)
            await send({"type": "http.response.body", "body": body[start : start + piece], "more_body": more})
            if more:
                await asyncio.wait({gone}, timeout=piece / bytes_per_s)
            if gone.done():
                return
    finally:
        gone.cancel()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _transport(send: Send) -> asyncio.Transport:
    """The connection's transport. uvicorn's `send` is a method of the object that holds it."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise ConnectionResetError("the mock provider cut the connection (no socket: in-process transport)")
    return cast(asyncio.Transport, transport)
