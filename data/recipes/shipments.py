"""The 800 shipments that warehouses drop as files: every value that a careless reader changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from data.recipes.draw import Draw
from data.recipes.people import NAMES, SENTENCES

__all__ = ["COLUMNS", "SHIPMENTS", "shipments"]

SHIPMENTS = 800

COLUMNS = (
    "shipment_id",
    "order_id",
    "warehouse_code",
    "country",
    "recipient",
    "note",
    "quantity",
    "serial_number",
    "weight_kg",
    "declared_value",
    "fragile",
    "shipped_on",
    "packed_at",
)

_COUNTRIES = ("DE", "FR", "NA", "NO", "JP", "BR", "EG", "UA", "VN", "TR")  # NA is Namibia, NO is Norway
_STARTED_AT = datetime(2026, 3, 1, tzinfo=UTC)
_INT64_MAX = 2**63 - 1


def shipments(seed: int) -> list[dict[str, Any]]:
    """The shipments as Python values: `int`, `Decimal`, `bool`, `date`, aware `datetime`, `str` or `None`."""
    draw = Draw(seed, "shipments")
    return [_shipment(draw, n) for n in range(SHIPMENTS)]


def _shipment(draw: Draw, n: int) -> dict[str, Any]:
    packed_at = _STARTED_AT + timedelta(seconds=n * 760 + draw.below(700), microseconds=draw.below(1_000_000))
    if draw.chance(0.3):
        packed_at = packed_at.replace(microsecond=0)
    shipped_on = (packed_at + timedelta(days=draw.below(3))).date()
    return {
        "shipment_id": f"{n + 1:08d}",  # leading zeros are part of it
        "order_id": f"ord_{draw.between(1, 500):06d}",
        "warehouse_code": draw.pick(("0042", "0117", "1E5", "TRUE", "007")),
        "country": draw.pick(_COUNTRIES),
        "recipient": draw.pick(NAMES),
        "note": _note(draw, n),
        "quantity": draw.between(1, 40),
        "serial_number": _serial_number(draw, n),
        "weight_kg": Decimal(draw.between(1, 999_999)).scaleb(-3),
        "declared_value": _declared_value(draw, n),
        "fragile": draw.pick((True, False, None)),
        "shipped_on": None if draw.chance(0.1) else date(shipped_on.year, shipped_on.month, shipped_on.day),
        "packed_at": packed_at,
    }


def _note(draw: Draw, n: int) -> str | None:
    """A note, an empty one, or none at all: three different things."""
    if n % 9 == 4:
        return None
    return draw.pick(SENTENCES)


def _serial_number(draw: Draw, n: int) -> int | None:
    """An integer that no float can hold, mostly."""
    if n % 10 == 3:
        return None
    return _INT64_MAX if n % 100 == 50 else 2**53 + 1 + 2 * draw.below(10**9)


def _declared_value(draw: Draw, n: int) -> Decimal | None:
    if n % 11 == 5:
        return None
    if n % 100 == 77:
        return Decimal("-99999999999999.99")
    return draw.pick(
        (Decimal("0.10"), Decimal("0.00"), Decimal(draw.between(1, 10**7)).scaleb(-2), Decimal("1000000.00"))
    )
