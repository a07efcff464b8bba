"""The orders of one session in the two orders that endpoints list them in, ready to be sent."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import orjson

__all__ = ["FIXTURE", "OrderBook", "Row", "fixture_rows", "instant_us", "parse_instant_us"]

FIXTURE = Path(__file__).resolve().parents[2] / "data" / "rest" / "orders.ndjson"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant_us(at: datetime) -> int:
    """Microseconds since 1970, exactly."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def parse_instant_us(text: str) -> int:
    """An RFC 3339 time as microseconds since 1970.

    Raises:
        ValueError: It isn't one, or has no zone.
    """
    # A `+` that wasn't percent-encoded arrives as a space.
    at = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
    if at.tzinfo is None:
        raise ValueError(f"{text!r} has no zone: end it in Z or an offset")
    return instant_us(at)


class Row(NamedTuple):
    """An order and its place in both lists; `encoded` is what goes out, be it well-formed or not."""

    id: str
    created_us: int
    updated_us: int
    encoded: bytes

    def with_fields(self, **fields: Any) -> Row:
        """The order with other values in some fields; a new `updated_at` moves it."""
        row = self._replace(encoded=orjson.dumps(orjson.loads(self.encoded) | fields))
        updated_at = fields.get("updated_at")
        return row._replace(updated_us=parse_instant_us(updated_at)) if updated_at else row


@lru_cache(maxsize=1)
def fixture_rows() -> tuple[Row, ...]:
    """The 500 orders of `data/rest/orders.ndjson`."""
    rows = []
    for line in FIXTURE.read_bytes().splitlines():
        order = orjson.loads(line)
        created_us, updated_us = parse_instant_us(order["created_at"]), parse_instant_us(order["updated_at"])
        rows.append(Row(order["id"], created_us, updated_us, line))
    return tuple(rows)


class OrderBook:
    """An unchanging set of orders; a change makes a new book.

    Newest first is by `(created_at, id)` descending; by update is by `(updated_at, id)` ascending. Pages are
    slices of bytes that were serialised beforehand.
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        by_creation = sorted(rows, key=lambda row: (row.created_us, row.id))
        by_update = sorted(by_creation, key=lambda row: (row.updated_us, row.id))
        self.rows: Sequence[Row] = by_creation
        self._created_keys = [(row.created_us, row.id) for row in by_creation]
        self._created_encoded = [row.encoded for row in by_creation]
        self._updated_keys = [(row.updated_us, row.id) for row in by_update]
        self._updated_encoded = [row.encoded for row in by_update]
        self._places = {row.id: place for place, row in enumerate(by_creation)}

    def __len__(self) -> int:
        return len(self.rows)

    def get(self, order_id: str) -> Row | None:
        """The order of that id."""
        place = self._places.get(order_id)
        return None if place is None else self.rows[place]

    def newest(self, offset: int, limit: int) -> list[bytes]:
        """*limit* orders, newest first, after the *offset* newest."""
        end = max(0, len(self.rows) - offset)
        return self._created_encoded[max(0, end - limit) : end][::-1]

    def offset_after(self, key: tuple[int, str]) -> int:
        """How many orders, newest first, come up to and including this `(created_us, id)`, present or not."""
        return len(self.rows) - bisect_left(self._created_keys, key)

    def key_at(self, offset: int) -> tuple[int, str]:
        """The `(created_us, id)` of the order that is *offset* places from the newest."""
        return self._created_keys[len(self.rows) - 1 - offset]

    def updated_after(
        self, since_us: int | None, after_id: str | None, until_us: int | None, limit: int
    ) -> tuple[list[bytes], bool]:
        """*limit* orders by update from `since_us` on, and whether there are more before `until_us`.

        With `after_id`, those strictly after the pair; without it, those at `since_us` or later.
        """
        keys = self._updated_keys
        start = 0
        if since_us is not None:
            start = bisect_left(keys, (since_us,)) if after_id is None else bisect_right(keys, (since_us, after_id))
        end = len(keys) if until_us is None else bisect_left(keys, (until_us,))
        stop = min(end, start + limit)
        return self._updated_encoded[start:stop], stop < end

    def oldest_updates(self, count: int) -> list[Row]:
        """The *count* orders that were updated longest ago."""
        return [self.rows[self._places[key[1]]] for key in self._updated_keys[:count]]

    @property
    def last_updated_us(self) -> int:
        """The latest `updated_at` of all; 0 without orders."""
        return self._updated_keys[-1][0] if self._updated_keys else 0
