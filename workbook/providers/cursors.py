"""Cursors in the styles that providers use, and the ways in which they go wrong."""

from __future__ import annotations

import base64
import binascii

import orjson

from workbook.providers.sessions import Session

__all__ = ["CursorExpiredError", "end_of_list", "next_cursor", "offset_of"]

SCROLL_HANDLE = "scroll-7f3a"


class CursorExpiredError(Exception):
    """The cursor was good once."""


def offset_of(session: Session, cursor: str | None, limit: int) -> int:
    """Where the page that this cursor names begins, counted from the newest order.

    An `opaque` or `spaced` cursor names the last order seen, so inserts and deletes don't shift it.

    Raises:
        CursorExpiredError: The cursor is of an epoch that is over.
        ValueError: It is no cursor of this session's style.
    """
    style = session.options.cursor_style
    if cursor is None:
        return 0
    if style == "scroll":
        if cursor != SCROLL_HANDLE:
            raise ValueError(f"unknown scroll handle {cursor!r}")
        return session.scroll_offset
    if style == "zero":
        return (int(cursor) + 1) * limit
    epoch, created_us, order_id = _unpack(cursor, style)
    if epoch != session.cursor_epoch:
        raise CursorExpiredError
    return session.book.offset_after((created_us, order_id))


def next_cursor(session: Session, cursor: str | None, offset: int, end: int, limit: int) -> str | int | None:
    """The cursor to hand out with the page `offset .. end`; the page it names may be one already seen."""
    options = session.options
    if options.cursor_style == "scroll":
        session.scroll_offset = end
        return SCROLL_HANDLE
    page = offset // limit + 1
    if page == options.cursor_cycle_at_page:
        end = max(0, page - options.cursor_cycle_length) * limit
    if options.cursor_style == "zero":
        return end // limit - 1
    if end == 0:
        return cursor
    created_us, order_id = session.book.key_at(end - 1)
    return _pack(session.cursor_epoch, created_us, order_id, options.cursor_style)


def end_of_list(session: Session) -> dict[str, str | None]:
    """How the last page says that there is no next cursor."""
    if session.options.end_cursor == "absent":
        return {}
    return {"next_cursor": "" if session.options.end_cursor == "empty" else None}


def _pack(epoch: int, created_us: int, order_id: str, style: str) -> str:
    packed = base64.b64encode(orjson.dumps([epoch, created_us, order_id])).decode()
    if style == "spaced":
        return f" {packed}+/= "  # every character of it counts
    return packed.replace("+", "-").replace("/", "_").rstrip("=")


def _unpack(cursor: str, style: str) -> tuple[int, int, str]:
    if style == "spaced":
        if not (cursor.startswith(" ") and cursor.endswith("+/= ")):
            raise ValueError(f"cursor {cursor!r} was changed on its way: it is opaque, spaces and all")
        cursor = cursor[1:-4]
    try:
        padded = cursor.replace("-", "+").replace("_", "/") + "=" * (-len(cursor) % 4)
        epoch, created_us, order_id = orjson.loads(base64.b64decode(padded, validate=True))
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"{cursor!r} is no cursor of this API") from error
    return epoch, created_us, order_id
