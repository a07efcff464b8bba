"""An answer before it travels: the endpoint's own, or the one a fault puts in its place."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from typing import Any

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope

from workbook.providers.options import Fault

__all__ = ["Reply", "error_reply", "fault_headers", "faulty_reply", "http_date", "reply_of"]

_REASONS = {
    400: ("bad_request", "The request is malformed."),
    401: ("unauthorized", "A valid bearer token is needed."),
    403: ("forbidden", "This token may not do that."),
    404: ("not_found", "There is no such thing here."),
    408: ("request_timeout", "The request took too long to arrive."),
    409: ("conflict", "The request conflicts with another."),
    410: ("gone", "This is gone for good."),
    422: ("unprocessable", "The request is well-formed but makes no sense."),
    429: ("rate_limited", "Too many requests: slow down."),
    500: ("internal_error", "Something went wrong on our side."),
    501: ("not_implemented", "This isn't implemented."),
    502: ("bad_gateway", "An upstream server gave a bad answer."),
    503: ("unavailable", "The service is unavailable for the moment."),
    504: ("gateway_timeout", "An upstream server gave no answer."),
    505: ("http_version", "This HTTP version isn't supported."),
}
_LOGIN_PAGE = (
    b"<!DOCTYPE html><html><head><title>Sign in</title></head>"
    b"<body><h1>Your session has ended</h1><p>Please sign in again.</p></body></html>"
)
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(slots=True)
class Reply:
    """A whole answer in memory; `headers` are raw ASGI pairs with names in lower case, without a `Date`."""

    status: int
    body: bytes
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)

    def with_headers(self, headers: dict[str, str]) -> Reply:
        """The same answer with these headers in place of its own of the same names."""
        names = {name.lower().encode() for name in headers}
        kept = [(name, value) for name, value in self.headers if name not in names]
        added = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
        return replace(self, headers=kept + added)


async def reply_of(app: ASGIApp, scope: Scope, receive: Receive) -> Reply:
    """Run the endpoint and keep its answer."""
    reply = Reply(500, b"")
    chunks: list[bytes] = []

    async def keep(message: Message) -> None:
        if message["type"] == "http.response.start":
            reply.status = message["status"]
            reply.headers = [(bytes(name).lower(), bytes(value)) for name, value in message["headers"]]
        elif message["type"] == "http.response.body":
            chunks.append(message.get("body", b""))

    await app(scope, receive, keep)
    reply.body = b"".join(chunks)
    return reply


def error_reply(status: int, message: str | None = None, *, code: str | None = None) -> Reply:
    """An error in this API's shape: `{"error": {"code": ..., "message": ...}}`."""
    default_code, default_message = _REASONS.get(status, ("error", "The request failed."))
    error = {"code": code or default_code, "message": message or default_message}
    return _json_reply(status, {"error": error})


def faulty_reply(fault: Fault, at: datetime) -> Reply:
    """The answer that the fault gives in place of the endpoint's.

    Args:
        fault: One with `replaces_answer`.
        at: The answer's `Date`, from which a `Retry-After` date counts.
    """
    status = fault.status or 200
    if fault.html:
        reply = Reply(status, _LOGIN_PAGE, [(b"content-type", b"text/html; charset=utf-8")])
    elif fault.bomb_bytes:
        bomb = _bomb(fault.bomb_bytes)
        reply = Reply(status, bomb, [(b"content-type", b"application/json"), (b"content-encoding", b"gzip")])
    elif isinstance(fault.body, str):
        reply = Reply(status, fault.body.encode(), [(b"content-type", b"application/json")])
    elif fault.body is not None:
        reply = _json_reply(status, fault.body)
    else:
        reply = error_reply(status)
    return reply.with_headers(fault_headers(fault, at))


def http_date(at: datetime, spelling: str = "imf") -> str:
    """A UTC time as RFC 9110 has it: `imf` (servers send it), `rfc850`, `asctime` (clients take them)."""
    if spelling == "rfc850":
        return f"{_WEEKDAYS[at.weekday()]}, {at:%d}-{_MONTHS[at.month - 1]}-{at:%y %H:%M:%S} GMT"
    if spelling == "asctime":
        return f"{_WEEKDAYS[at.weekday()][:3]} {_MONTHS[at.month - 1]} {at.day:2d} {at:%H:%M:%S %Y}"
    return format_datetime(at.astimezone(UTC), usegmt=True)


def fault_headers(fault: Fault, at: datetime) -> dict[str, str]:
    """The headers that the fault adds to whatever answer there is."""
    if fault.retry_after is not None:
        return {"Retry-After": fault.retry_after, **fault.headers}
    if fault.retry_after_in_s is not None:
        date = at + timedelta(seconds=fault.retry_after_in_s)
        return {"Retry-After": http_date(date, fault.retry_after_format), **fault.headers}
    return dict(fault.headers)


def _json_reply(status: int, body: Any) -> Reply:
    return Reply(status, orjson.dumps(body), [(b"content-type", b"application/json")])


@lru_cache(maxsize=4)
def _bomb(unpacked_bytes: int) -> bytes:
    """A JSON document of that many bytes, nearly all of them spaces, packed a thousandfold."""
    return gzip.compress(b'{"data":[' + b" " * (unpacked_bytes - 11) + b"]}", mtime=0)
