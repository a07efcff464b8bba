"""One instant, the several spellings RFC 3339 allows for it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from data.recipes.draw import Draw

__all__ = ["spell", "spell_any", "spell_plain"]

_OFFSETS_MINUTES = (0, 60, 120, 330, -300)


def spell(at: datetime, *, digits: int, offset_minutes: int | None) -> str:
    """The instant with that many fraction digits, in that zone (`None` is `Z`).

    Digits that the instant doesn't need come out as zeros; digits it needs are never dropped.
    """
    if digits < 6 and at.microsecond % 10 ** (6 - digits):
        raise ValueError(f"{at} needs more than {digits} fraction digits")
    zone = timezone(timedelta(minutes=offset_minutes or 0))
    local = at.astimezone(zone)
    fraction = f".{local.microsecond:06d}"[: digits + 1] if digits else ""
    suffix = "Z" if offset_minutes is None else local.isoformat()[-6:]
    return f"{local:%Y-%m-%dT%H:%M:%S}{fraction}{suffix}"


def spell_plain(at: datetime) -> str:
    """The instant to the second, or to the microsecond if it has a fraction, with `Z`."""
    return spell(at, digits=6 if at.microsecond else 0, offset_minutes=None)


def spell_any(at: datetime, draw: Draw) -> str:
    """One legal spelling: 0, 1, 3 or 6 fraction digits, mostly `Z`, now and then an offset."""
    needed = next(digits for digits in (0, 1, 3, 6) if at.microsecond % 10 ** (6 - digits) == 0)
    digits = draw.pick([digits for digits in (0, 1, 3, 6) if digits >= needed])
    offset_minutes = draw.pick(_OFFSETS_MINUTES) if draw.chance(0.08) else None
    return spell(at, digits=digits, offset_minutes=offset_minutes)
