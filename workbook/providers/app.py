"""The mock provider: one app in which every session meets its own faults.

A request passes, in this order: its session, the journal, the session's token and rate limit, its fault, the
endpoint, and the wire. Endpoints know nothing of faults, and faults nothing of endpoints.
"""

from __future__ import annotations

import asyncio
import math
from typing import Any
from urllib.parse import parse_qsl

from fastapi import FastAPI, Request, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from workbook.providers import control, orders
from workbook.providers.journal import Entry
from workbook.providers.options import Fault
from workbook.providers.replies import Reply, error_reply, fault_headers, faulty_reply, http_date, reply_of
from workbook.providers.scenarios import OptionsError
from workbook.providers.sessions import Session, Sessions
from workbook.providers.wire import deliver, read_request, reset_connection

__all__ = ["MockProvider", "create_app"]

_UNTROUBLED = ("/_mock", "/health", "/docs", "/openapi.json")
"""Paths that meet no fault and leave no trace in the journal."""


class MockProvider(FastAPI):
    """The endpoints, behind sessions and their faults."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request as its session has it."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        session, path = self._session_of(scope)
        scope["session"] = session
        if session is None:
            await _say(error_reply(404, "This session isn't open.", code="no_such_session"), receive, send)
        elif path.startswith(_UNTROUBLED):
            await super().__call__(scope, receive, send)
        else:
            entry = _written_down(session, path, scope)
            try:
                await _serve(super().__call__, session, path, entry, scope, receive, send)
            finally:
                session.journal.left()

    def _session_of(self, scope: Scope) -> tuple[Session | None, str]:
        """The session that the path names, and the path below it; marks the rest as mounted there."""
        sessions: Sessions = self.state.sessions
        path: str = scope["path"]
        if not path.startswith("/s/"):
            return sessions.default, path
        session_id, _, below = path[3:].partition("/")
        scope["root_path"] = f"/s/{session_id}"
        return sessions.get(session_id), f"/{below}"


async def _serve(
    endpoint: ASGIApp,
    session: Session,
    path: str,
    entry: Entry,
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    """Answer a data request: refusal, fault or the endpoint's own answer."""
    reply = _refusal(session, entry, scope)
    fault = None
    if reply is None:
        query = dict(parse_qsl(entry.query, keep_blank_values=True))
        fault = session.plan.next_fault(entry.method, path, query)
        entry.fault = fault.label if fault is not None else None
        wait_s = session.options.latency_ms / 1000 + (fault.delay_s if fault is not None else 0.0)
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        if fault is not None and fault.reset == "before_request":
            await read_request(receive)
            await reset_connection(send)
            return
        reply = await _answer(endpoint, session, fault, scope, receive)
    if fault is None or fault.reset != "before_headers":
        entry.status = reply.status
    if scope.get("served_page") and reply.status == 200 and (fault is None or fault.delivers):
        session.page_served()
    await deliver(reply.with_headers({"Date": http_date(session.now())}), fault, receive, send)


async def _answer(endpoint: ASGIApp, session: Session, fault: Fault | None, scope: Scope, receive: Receive) -> Reply:
    if fault is None or not fault.replaces_answer:
        reply = await reply_of(endpoint, scope, receive)
        return reply if fault is None else reply.with_headers(fault_headers(fault, session.now()))
    if fault.after_commit:
        await reply_of(endpoint, scope, receive)
    return faulty_reply(fault, session.now())


def _refusal(session: Session, entry: Entry, scope: Scope) -> Reply | None:
    """What the session's token and rate limit have against this request; `None` if nothing."""
    if session.bucket is not None:
        wait_s = session.bucket.take()
        if wait_s > 0:
            entry.fault = "rate_limited"
            headers = {"Retry-After": str(math.ceil(wait_s)), **session.bucket.headers()}
            return error_reply(429).with_headers(headers)
    token = session.options.token
    if token is not None and dict(scope["headers"]).get(b"authorization") != f"Bearer {token}".encode():
        entry.fault = "unauthorized"
        return error_reply(401).with_headers({"WWW-Authenticate": "Bearer"})
    return None


def _written_down(session: Session, path: str, scope: Scope) -> Entry:
    """The request's entry in its session's journal. Of a credential only its presence is kept."""
    headers = dict(scope["headers"])
    kept: dict[str, str | bool | None] = {"authorization": b"authorization" in headers}
    for name in ("idempotency-key", "user-agent"):
        value = headers.get(name.encode())
        kept[name] = None if value is None else value.decode("latin-1")
    return session.journal.arrived(scope["method"], path, scope["query_string"].decode("latin-1"), kept)


async def _say(reply: Reply, receive: Receive, send: Send) -> None:
    await deliver(reply, None, receive, send)


def create_app(**settings: Any) -> FastAPI:
    """A provider with no session open but the default, which is calm."""
    app = MockProvider(title="Mock provider", redirect_slashes=False, **settings)
    app.state.sessions = Sessions()
    app.include_router(control.router)
    app.router.routes.extend(orders.ROUTES)

    async def bad_options(request: Request, error: Exception) -> Response:
        return _response(error_reply(422, str(error), code="bad_options"))

    async def bad_request(request: Request, error: Exception) -> Response:
        return _response(error_reply(400, str(error)))

    app.add_exception_handler(OptionsError, bad_options)
    app.add_exception_handler(ValueError, bad_request)
    return app


def _response(reply: Reply) -> Response:
    return Response(reply.body, reply.status, media_type="application/json")
