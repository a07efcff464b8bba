# Made from solutions/m01_rest/10_client.ipynb: edit it there.
"""Bodies on their way out and in: whole, repeatable, and never larger than allowed."""

import zlib
from collections.abc import AsyncIterable, Iterable
from typing import Any, TypeVar

from ingestion.errors import CorruptError, PermanentError, TransientError
from ingestion.http_library import httpx
from ingestion.record import canonical_json

__all__ = ["B", "Content", "buffer", "read"]


Content = bytes | str | Iterable[bytes] | AsyncIterable[bytes]

B = TypeVar("B", bytes, bytearray)

_GZIP = 31
_PIECE = 1 << 16
_MOST_MEMBERS = 100_000


async def buffer(content: Content | None, json: Any, *, max_bytes: int) -> bytes | None:
    """Give the request body as bytes, so that a second attempt sends what the first one sent.

    A generator is read to its end here, once. JSON is spelled canonically: equal values give equal bytes.

    Raises:
        ValueError: both *content* and *json*, or more than *max_bytes*.
        ContractViolationError: *json* has no JSON spelling.
    """
    if json is not None:
        if content is not None:
            raise ValueError("give content or json, not both")
        content = canonical_json(json)
    if content is None:
        return None
    body = bytearray()
    if isinstance(content, bytes | str):
        _extend(body, content.encode() if isinstance(content, str) else content, max_bytes)
    elif isinstance(content, AsyncIterable):
        async for chunk in content:
            _extend(body, chunk, max_bytes)
    else:
        for chunk in content:
            _extend(body, chunk, max_bytes)
    return bytes(body)


def _extend(body: bytearray, chunk: bytes, max_bytes: int) -> None:
    body += chunk
    if len(body) > max_bytes:
        raise ValueError(f"a request body may have {max_bytes:,} bytes; this one has more")


async def read(response: httpx.Response, *, max_bytes: int) -> bytes:
    """Read the answer to its end and undo gzip. Never holds more than *max_bytes* of it, packed or unpacked.

    Raises:
        PermanentError: larger than *max_bytes*.
        CorruptError: packed in a way that we did not offer, or not what it says.
        TransientError: gzip that stops half way.
        httpx.TransportError: the connection broke, or closed before the promised length.
    """
    if response.is_stream_consumed:  # a test transport's answer comes already read and unpacked
        return _within(response.content, max_bytes)
    raw = bytearray()
    async for chunk in response.aiter_raw():
        raw += chunk
        _within(raw, max_bytes)
    match response.headers.get("content-encoding", "").strip().lower():
        case "" | "identity":
            return bytes(raw)
        case "gzip" | "x-gzip":
            return _gunzip(bytes(raw), max_bytes)
        case encoding:
            raise CorruptError(f"the body is packed as {encoding[:20]!r}, and we offered only gzip")


def _gunzip(raw: bytes, max_bytes: int) -> bytes:
    """Unpack all members. Output is asked for in bounded amounts: 64 KiB of gzip can hold 64 MiB of zeros."""
    body, members, member = bytearray(), 1, zlib.decompressobj(wbits=_GZIP)
    try:
        for start in range(0, len(raw), _PIECE):
            piece = raw[start : start + _PIECE]  # what follows a member is copied, so it has to be little
            while piece:
                if member.eof:
                    members, member = members + 1, zlib.decompressobj(wbits=_GZIP)
                body += member.decompress(piece, max_bytes + 1 - len(body))
                _within(body, max_bytes)
                piece = member.unused_data
            if members > _MOST_MEMBERS:  # three million empty ones fit into 64 MiB, and hold everyone up
                raise CorruptError(f"the gzip body has more than {_MOST_MEMBERS:,} members")
    except zlib.error as error:
        raise CorruptError(f"the body is not the gzip it says it is: {error}") from None
    if raw and not member.eof:
        raise TransientError("the gzip body stops half way")
    return bytes(body)


def _within(body: B, max_bytes: int) -> B:
    if len(body) > max_bytes:
        raise PermanentError(
            f"the body has more than {max_bytes:,} bytes: ask for smaller pages or raise max_body_bytes"
        )
    return body
