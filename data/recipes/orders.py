"""The 500 orders that the REST provider serves.

They are made to be awkward in the ways real exports are: 130 rows share one `updated_at` (a bulk migration),
many smaller ties, three currencies with different minor units, refunds, zero totals, and one instant in
several spellings.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from data.recipes.draw import Draw
from data.recipes.instants import spell_any
from data.recipes.people import CITIES, EMAILS, NAMES

__all__ = ["MIGRATED_AT", "MIGRATED_ROWS", "ORDERS", "orders"]

ORDERS = 500
MIGRATED_ROWS = 130
MIGRATED_AT = datetime(2026, 2, 14, 9, 26, 53, tzinfo=UTC)

_OPENED_AT = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
_MINOR_DIGITS = {"EUR": 2, "USD": 2, "GBP": 2, "BRL": 2, "JPY": 0, "KWD": 3}
_STATUSES = ("pending", "paid", "paid", "paid", "shipped", "shipped", "delivered", "cancelled")


def orders(seed: int) -> list[dict[str, Any]]:
    """The orders, oldest first: ids `ord_000001` to `ord_000500` in order of creation."""
    draw = Draw(seed, "orders")
    created_at = _creation_times(draw)
    before_migration = [n for n in range(ORDERS) if created_at[n] < MIGRATED_AT - timedelta(hours=1)]
    migrated = set(draw.shuffled(before_migration)[:MIGRATED_ROWS])
    return [_order(draw, n, created_at[n], migrated=n in migrated) for n in range(ORDERS)]


def _creation_times(draw: Draw) -> list[datetime]:
    """Rising times over about three months; one in eight equals the one before it."""
    times, at = [], _OPENED_AT
    for _ in range(ORDERS):
        if not draw.chance(1 / 8):
            at += timedelta(seconds=draw.between(1, 30_000), microseconds=_fraction_us(draw))
            at = at.replace(microsecond=at.microsecond if draw.chance(0.5) else 0)
        times.append(at)
    return times


def _fraction_us(draw: Draw) -> int:
    """A fraction of a second of 0, 1, 3 or 6 digits."""
    return draw.pick((0, draw.below(10) * 100_000, draw.below(1_000) * 1_000, draw.below(1_000_000)))


def _order(draw: Draw, n: int, created_at: datetime, *, migrated: bool) -> dict[str, Any]:
    version, updated_at = 1, created_at
    if migrated:
        version, updated_at = draw.between(2, 4), MIGRATED_AT
    elif draw.chance(0.25):
        version = draw.between(2, 6)
        updated_at = created_at + timedelta(seconds=draw.between(60, 20 * 86_400))
    currency = draw.pick(tuple(_MINOR_DIGITS))
    status, items = _contents(draw, n, _MINOR_DIGITS[currency])
    total = sum((Decimal(item["unit_price"]) * item["quantity"] for item in items), Decimal(0))
    return {
        "id": f"ord_{n + 1:06d}",
        "customer": {
            "name": draw.pick(NAMES),
            "email": f"{draw.pick(EMAILS)}+{draw.between(1, 400)}@example.com",
            "city": draw.pick(CITIES) if draw.chance(0.8) else None,
        },
        "currency": currency,
        "total": f"{total:.{_MINOR_DIGITS[currency]}f}",
        "status": status,
        "version": version,
        "items": items,
        "created_at": spell_any(created_at, draw),
        "updated_at": spell_any(updated_at, draw),
    }


def _contents(draw: Draw, n: int, digits: int) -> tuple[str, list[dict[str, Any]]]:
    """The status and the lines of order *n*; the total is their sum."""
    if n % 50 == 7:
        return "delivered", [_item(draw, digits, minor_units=0)]
    if n % 40 == 11:
        return "refunded", [_item(draw, digits, minor_units=-draw.between(1, 90_000))]
    if n % 125 == 60:
        return "paid", [_item(draw, digits, minor_units=draw.between(10**14, 10**15 - 1), quantity=1)]
    lines = 1 + sum(draw.chance(0.35) for _ in range(3))
    return draw.pick(_STATUSES), [_item(draw, digits, minor_units=draw.between(5, 40_000)) for _ in range(lines)]


def _item(draw: Draw, digits: int, *, minor_units: int, quantity: int | None = None) -> dict[str, Any]:
    return {
        "sku": f"{draw.text('ABCDEFGHJKLMNPQRSTUVWXYZ', 3)}-{draw.between(0, 99_999):05d}",
        "quantity": draw.between(1, 5) if quantity is None else quantity,
        "unit_price": f"{Decimal(minor_units).scaleb(-digits):.{digits}f}",
    }
