"""The orders API: the same orders behind six kinds of pagination, and one endpoint that writes."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from workbook.providers.cursors import CursorExpiredError, end_of_list, next_cursor, offset_of
from workbook.providers.order_book import Row, instant_us, parse_instant_us
from workbook.providers.replies import Reply, error_reply
from workbook.providers.sessions import Session

__all__ = ["ROUTES"]


def _page(request: Request, rows: list[bytes], **fields: Any) -> Response:
    """`{"data": [...], ...fields}`, its rows joined as the bytes they are."""
    request.scope["served_page"] = True
    head = b'{"data":[' + b",".join(rows)
    return _json(head + (b"]," + orjson.dumps(fields)[1:] if fields else b"]}"))


def _json(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(body, status, headers, media_type="application/json")


def _error(status: int, message: str, code: str | None = None) -> Response:
    return _as_response(error_reply(status, message, code=code))


def _as_response(reply: Reply) -> Response:
    response = Response(reply.body, reply.status)
    response.raw_headers = [*reply.headers, (b"content-length", str(len(reply.body)).encode())]
    return response


def _count(request: Request, name: str, default: int, at_least: int = 1) -> int:
    """A whole number from the query string."""
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdigit()) or int(text) < at_least:
        raise ValueError(f"{name} must be a whole number of at least {at_least}, not {text!r}")
    return int(text)


def _limit(request: Request, name: str = "limit") -> tuple[int, int]:
    """The page size after the server's cap, and how many rows this very page may hold."""
    session: Session = request.scope["session"]
    limit = min(_count(request, name, 100), session.options.max_limit)
    sizes = session.options.page_sizes
    return limit, min(limit, sizes[min(session.pages_served, len(sizes) - 1)]) if sizes else limit


def _total(session: Session) -> int:
    totals = session.options.totals
    return totals[min(session.pages_served, len(totals) - 1)] if totals else len(session.book)


def _next_url(request: Request, query: str) -> str:
    """The address of the next page, on this origin or on the one the session's options name."""
    options = request.scope["session"].options
    path = f"{request.scope['path']}?{query}"
    if options.relative_links:
        return path
    return f"{options.next_origin or f'{request.url.scheme}://{request.url.netloc}'}{path}"


async def by_offset(request: Request) -> Response:
    """`GET /orders/offset?offset=0&limit=100`, newest first: an insert shifts what follows."""
    session: Session = request.scope["session"]
    limit, size = _limit(request)
    offset = _count(request, "offset", 0, at_least=0)
    rows = session.book.newest(offset, size)
    return _page(request, rows, total=_total(session), offset=offset, limit=limit)


async def by_page(request: Request) -> Response:
    """`GET /orders/pages?page=1&per_page=100`, newest first; a page past the end is empty."""
    session: Session = request.scope["session"]
    limit, size = _limit(request, "per_page")
    page = _count(request, "page", 1)
    rows, total = session.book.newest((page - 1) * limit, size), _total(session)
    return _page(request, rows, page=page, per_page=limit, pages=-(-total // limit), total=total)


async def by_cursor(request: Request) -> Response:
    """`GET /orders/cursor?cursor=...&limit=100`, newest first, by an opaque cursor."""
    session: Session = request.scope["session"]
    limit, size = _limit(request)
    cursor = request.query_params.get("cursor")
    try:
        offset = offset_of(session, cursor, limit)
    except CursorExpiredError:
        status = session.options.cursor_expired_status
        return _error(status, "This cursor has expired: start over.", code="cursor_expired")
    rows = session.book.newest(offset, size)
    end = offset + len(rows)
    if end < len(session.book) or _page_cycles(session, offset, limit):
        token = next_cursor(session, cursor, offset, end, limit)
        return _page(request, rows, next_cursor=token, has_more=True)
    return _page(request, rows, **end_of_list(session), has_more=False)


def _page_cycles(session: Session, offset: int, limit: int) -> bool:
    return offset // limit + 1 == session.options.cursor_cycle_at_page


async def by_link(request: Request) -> Response:
    """`GET /orders/link?page=1`, newest first: a JSON array; the `Link` header (RFC 8288) has the next."""
    session: Session = request.scope["session"]
    limit, size = _limit(request)
    page = _count(request, "page", 1)
    rows = session.book.newest((page - 1) * limit, size)
    last = max(1, -(-len(session.book) // limit))
    links = [("first", 1), ("last", last)] + ([("prev", page - 1)] if page > 1 else [])
    links += [("next", page + 1)] if page < last else []
    value = ", ".join(f'<{_next_url(request, f"page={n}&limit={limit}")}>; rel="{relation}"' for relation, n in links)
    request.scope["served_page"] = True
    return _json(b"[" + b",".join(rows) + b"]", headers={"Link": value})


async def by_next_url(request: Request) -> Response:
    """`GET /orders/next_url`, newest first: the body names the whole address of the next page."""
    session: Session = request.scope["session"]
    limit, size = _limit(request)
    offset = _count(request, "start", 0, at_least=0)
    rows = session.book.newest(offset, size)
    end = offset + len(rows)
    more = end < len(session.book)
    return _page(request, rows, next=_next_url(request, f"start={end}&limit={limit}") if more else None)


async def by_keyset(request: Request) -> Response:
    """`GET /orders/keyset?since=...&after_id=...&until=...&limit=100`, by `(updated_at, id)` ascending.

    Strictly after the pair `(since, after_id)`; without `after_id`, from `since` on; always before `until`.
    """
    session: Session = request.scope["session"]
    _, size = _limit(request)
    query = request.query_params
    since, after_id, until = query.get("since"), query.get("after_id"), query.get("until")
    if after_id is not None and since is None:
        raise ValueError("after_id needs since: the pair is the position")
    since_us = None if since is None else parse_instant_us(since)
    until_us = None if until is None else parse_instant_us(until)
    rows, more = session.book.updated_after(since_us, after_id, until_us, size)
    return _page(request, rows, has_more=more)


async def one(request: Request) -> Response:
    """`GET /orders/{id}`."""
    session: Session = request.scope["session"]
    row = session.book.get(request.path_params["order_id"])
    return _error(404, "There is no order of this id.") if row is None else _json(row.encoded)


async def create(request: Request) -> Response:
    """`POST /orders`: 201 and the new order.

    With an `Idempotency-Key`, a second request of the same key and body gets the first one's answer, and the
    same key with another body gets 422.
    """
    session: Session = request.scope["session"]
    body = await request.body()
    digest, key = hashlib.sha256(body).digest(), request.headers.get("idempotency-key")
    if key is not None and key in session.idempotent_replies:
        first_digest, reply = session.idempotent_replies[key]
        if first_digest != digest:
            return _error(422, "This Idempotency-Key came with another body before.", "idempotency_key_reused")
        return _as_response(reply.with_headers({"Idempotent-Replayed": "true"}))
    fields = orjson.loads(body)
    if not isinstance(fields, dict):
        raise ValueError("an order is a JSON object")
    reply = _created(session, fields)
    if key is not None:
        session.idempotent_replies[key] = (digest, reply)
    return _as_response(reply)


def _created(session: Session, fields: dict[str, Any]) -> Reply:
    at = session.now()
    spelled = at.isoformat(timespec="microseconds").replace("+00:00", "Z")
    order_id = f"ord_{len(session.book) + 1:06d}"
    order = {"status": "pending", **fields, "id": order_id, "version": 1}
    encoded = orjson.dumps(order | {"created_at": spelled, "updated_at": spelled})
    session.add(Row(order_id, instant_us(at), instant_us(at), encoded))
    location = ("location", f"/orders/{order_id}")
    headers = [("content-type", "application/json"), location]
    return Reply(201, encoded, [(name.encode(), value.encode()) for name, value in headers])


ROUTES = [
    Route("/orders/offset", by_offset),
    Route("/orders/pages", by_page),
    Route("/orders/cursor", by_cursor),
    Route("/orders/link", by_link),
    Route("/orders/next_url", by_next_url),
    Route("/orders/keyset", by_keyset),
    Route("/orders/{order_id}", one),
    Route("/orders", create, methods=["POST"]),
]
