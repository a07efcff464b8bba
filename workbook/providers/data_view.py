"""A session's own view of the orders: bent to its options, changed while a client pages through it."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import orjson

from workbook.providers.options import Mutation, Options
from workbook.providers.order_book import OrderBook, Row, fixture_rows, parse_instant_us
from workbook.providers.synthetic import inserted_row, synthetic_rows

__all__ = ["POISON_KINDS", "first_book", "mutated"]

POISON_KINDS = (
    "comma_decimal",
    "bad_date",
    "nul",
    "lone_surrogate",
    "missing_id",
    "epoch_date",
    "null_total",
    "not_an_object",
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=4)
def _plain_book(rows: int | None) -> OrderBook:
    """The unbent book, shared by all sessions: it never changes."""
    return OrderBook(fixture_rows() if rows is None else synthetic_rows(rows))


def first_book(options: Options, seed: int) -> OrderBook:
    """The orders as the session starts with them; equal options and seed give equal bytes."""
    plain = _plain_book(options.rows)
    if not (options.all_updated_at or options.future_row or options.poison):
        return plain
    rows = list(plain.rows)
    draw = random.Random(f"data:{seed}")
    if options.all_updated_at:
        rows = [row.with_fields(updated_at=options.all_updated_at) for row in rows]
    if options.future_row:
        place = int(draw.random() * len(rows))
        rows[place] = rows[place].with_fields(updated_at="2099-01-01T00:00:00Z")
    kinds = options.poison_kinds or POISON_KINDS
    places = sorted(range(len(rows)), key=lambda _: draw.random())[: options.poison]
    for n, place in enumerate(sorted(places)):
        rows[place] = _poisoned(rows[place], kinds[n % len(kinds)])
    return OrderBook(rows)


def mutated(book: OrderBook, mutation: Mutation, inserted_before: int) -> OrderBook:
    """The book after one change.

    Args:
        book: The book before it; it stays as it is.
        mutation: The change.
        inserted_before: How many orders earlier changes inserted, so that ids stay unique.
    """
    doomed = {row.id for row in book.rows[len(book) - mutation.delete :]} | set(mutation.delete_ids)
    touched = {row.id for row in book.oldest_updates(mutation.update)} | set(mutation.update_ids)
    latest = _EPOCH + timedelta(microseconds=book.last_updated_us)
    rows = []
    for row in book.rows:
        if row.id in touched:
            latest += timedelta(seconds=1)
            updated_at = mutation.updated_at or latest.isoformat(timespec="microseconds").replace("+00:00", "Z")
            version = orjson.loads(row.encoded)["version"] + 1
            row = row.with_fields(version=version, status="amended", updated_at=updated_at)
        if row.id not in doomed:
            rows.append(row)
    rows += [inserted_row(inserted_before + n, mutation.updated_at) for n in range(1, mutation.insert + 1)]
    return OrderBook(rows)


def _poisoned(row: Row, kind: str) -> Row:
    """The order with the fault of that kind in its bytes; its place in the lists stays."""
    order = orjson.loads(row.encoded)
    if kind == "comma_decimal":
        order["total"] = order["total"].replace(".", ",") if "." in order["total"] else "12,50"
    elif kind == "bad_date":
        order["updated_at"] = "2026-02-30T25:61:00Z"
    elif kind == "nul":
        order["customer"]["name"] = "nul\x00byte"
    elif kind == "lone_surrogate":
        order["customer"]["name"] = "@@"
        return row._replace(encoded=orjson.dumps(order).replace(b'"@@"', rb'"half \ud83d pair"'))
    elif kind == "missing_id":
        del order["id"]
    elif kind == "epoch_date":
        order["updated_at"] = parse_instant_us(order["updated_at"]) // 1_000_000
    elif kind == "null_total":
        order["total"] = None
    elif kind == "not_an_object":
        return row._replace(encoded=orjson.dumps(row.id))
    return row._replace(encoded=orjson.dumps(order))
