# Made from solutions/m02_push/15_delimited.ipynb: edit it there.
"""From what stands in a file to the one spelling of a value in a payload: a column at a time, or a value at a time."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from ingestion.errors import ContractViolationError
from ingestion.files.columns import Column
from ingestion.record import canonical_json

__all__ = ["Exact", "convert_column", "exact_json", "exact_number", "exact_text", "nested_json"]


Exact = Callable[[Column, Any], Any]
_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_SPELLING = {
    "int64": re.compile(r"(?:(?:0|-?[1-9][0-9]{0,18})\n)*+"),
    "date": re.compile(rf"(?:{_DATE}\n)*+"),
    "timestamp": re.compile(rf"(?:{_DATE}T[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}\.[0-9]{{6}}Z\n)*+"),
}
_TRUTHS = {"true": True, "false": False, None: None}
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1


def convert_column(column: Column, values: Sequence[Any], exact: Exact, bad: dict[int, str]) -> Sequence[Any]:
    """Convert one column, all of it at once if it is spelled as it should be, else value by value."""
    types = set(map(type, values))
    has_nulls = type(None) in types
    types.discard(type(None))
    expected = {"int64": int, "boolean": bool}.get(column.kind, str) if exact is exact_json else str
    if types <= {expected} and column.kind not in ("float64", "json") and (column.nullable or not has_nulls):
        try:
            return _at_once(column, values, [value for value in values if value is not None] if has_nulls else values)
        except (ValueError, KeyError):
            pass
    return _one_by_one(column, values, exact, bad)


def _at_once(column: Column, values: Sequence[Any], present: Sequence[Any]) -> Sequence[Any]:
    """Convert *values*, of which *present* are not null; `ValueError` or `KeyError` if any is spelled otherwise."""
    kind = column.kind
    if kind == "boolean":
        return values if present and present[0] in (True, False) else [_TRUTHS[value] for value in values]
    if kind == "text":
        _storable("".join(present))
        return values
    if kind == "int64" and present and isinstance(present[0], int):
        return _in_range(values, present)
    lines = "\n".join(present) + "\n" if present else ""
    spelling = _decimals(column.precision, column.scale) if kind == "decimal" else _SPELLING[kind]
    if lines.count("\n") != len(present) or not spelling.fullmatch(lines):
        raise ValueError
    if kind == "int64":
        numbers = list(map(int, present))
        _in_range(numbers, numbers)
        return numbers if len(numbers) == len(values) else [None if value is None else int(value) for value in values]
    if kind != "decimal":
        for _ in map(date.fromisoformat if kind == "date" else datetime.fromisoformat, present):
            pass
    return values


@cache
def _decimals(precision: int, scale: int) -> re.Pattern[str]:
    whole = rf"(?:0|[1-9][0-9]{{0,{precision - scale - 1}}})" if precision > scale else "0"
    fraction = rf"\.[0-9]{{{scale}}}" if scale else ""
    return re.compile(rf"(?:(?!-[0.]*\n)-?{whole}{fraction}\n)*+")


def _in_range(values: Sequence[Any], numbers: Sequence[int]) -> Sequence[Any]:
    if numbers and not _SMALLEST <= min(numbers) <= max(numbers) <= _LARGEST:
        raise ValueError("no int64: too large")
    return values


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("a NUL character, which Postgres cannot store")
    text.encode()  # half a surrogate pair is a UnicodeEncodeError
    return text


def _one_by_one(column: Column, values: Sequence[Any], exact: Exact, bad: dict[int, str]) -> list[Any]:
    converted = []
    for index, value in enumerate(values):
        try:
            if value is None and not column.nullable:
                raise ValueError("null, but the column has none")
            converted.append(None if value is None else exact(column, value))
        except (ValueError, OverflowError) as error:
            what = "half a surrogate pair" if isinstance(error, UnicodeError) else error
            bad.setdefault(index, f"{column.name}: {what}")
            converted.append(None)
    return converted


def exact_json(column: Column, value: Any) -> Any:
    """Give the payload's spelling of a decoded JSON value.

    Raises:
        ValueError: it is none of the column's kind; what the payload holds would not be what was sent.
    """
    match column.kind, value:
        case "json", _:
            return nested_json(value)
        case ("int64", bool()) | ("decimal", bool()):
            pass
        case "int64", int():
            return _in_range([value], [value])[0]
        case "decimal", int() | Decimal():
            return exact_text(column, format(value, "f") if isinstance(value, Decimal) else str(value))
        case ("boolean", bool()):
            return value
        case "float64", int() | float() | Decimal() if not isinstance(value, bool):
            return nested_json(Decimal(value))
        case ("text" | "decimal" | "date" | "timestamp", str()):
            return exact_text(column, value)
    raise ValueError(f"no {column.kind}, but {_sample(value)} ({type(value).__name__})")


def nested_json(value: Any) -> msgspec.Raw:
    """Spell decoded JSON as it stands in a payload, or raise ValueError: NaN, infinity, a number that loses digits."""
    try:
        return msgspec.Raw(canonical_json(_plain(value)))
    except ContractViolationError as error:
        raise ValueError(str(error)) from None


def _plain(value: Any) -> Any:
    """Give nested JSON with its fractions as floats, where that loses nothing."""
    match value:
        case dict():
            return {name: _plain(inner) for name, inner in value.items()}
        case list():
            return list(map(_plain, value))
        case Decimal():
            return _nearest(value)
    return value


def exact_number(text: str) -> Decimal:
    """Give the number that JSON spells as *text*, with its digits.

    Raises:
        ValueError: its exponent has more than three digits: `1e999999999` is short, and a gigabyte once written out.
    """
    if len(text.lower().partition("e")[2].lstrip("+-0")) > 3:
        raise ValueError(f"{_sample(text)} is out of range")
    return Decimal(text)


def _nearest(number: Decimal) -> float:
    """Give the double that is spelled like *number*, or raise ValueError if none is."""
    nearest = float(number)
    if Decimal(repr(nearest)) != number:
        raise ValueError(f"{number} is more exact than a double, or larger")
    return nearest


_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}")
_DECIMAL = re.compile(r"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_TIMESTAMP = re.compile(
    rf"{_DATE}[T ][0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(?:\.[0-9]{{1,6}})?(Z|[+-][0-9]{{2}}(?::?[0-9]{{2}})?)?"
)


def exact_text(column: Column, text: str) -> Any:
    """Give the payload's spelling of a value that is spelled as text.

    Raises:
        ValueError: it is no value of the column's kind, or not exactly one: too large, too many digits after the
            point, a time without a zone.
    """
    match column.kind:
        case "text":
            return _storable(text)
        case "int64" if _INTEGER.fullmatch(text):
            return _in_range([int(text)], [int(text)])[0]
        case "float64" if _NUMBER.fullmatch(text):
            return nested_json(exact_number(text))
        case "decimal" if found := _DECIMAL.fullmatch(text):
            return _decimal(column, *found.groups(default=""))
        case "boolean" if text.lower() in ("true", "false"):
            return text.lower() == "true"
        case "date" if re.fullmatch(_DATE, text):
            return date.fromisoformat(text).isoformat()
        case "timestamp" if found := _TIMESTAMP.fullmatch(text):
            return _instant(datetime.fromisoformat(text), column.zone)
    raise ValueError(f"no {column.kind}: {_sample(text)}")


def _decimal(column: Column, sign: str, whole: str, fraction: str) -> str:
    if len(fraction) > column.scale:
        raise ValueError(f"{len(fraction)} digits after the point, declared are {column.scale}")
    if len(whole.lstrip("0")) > column.precision - column.scale:
        raise ValueError(f"no decimal({column.precision},{column.scale}): too large")
    digits = f"{whole}.{fraction:0<{column.scale}}" if column.scale else whole
    return sign + digits if digits.strip("0.") else digits


def _instant(at: datetime, zone: str) -> str:
    if at.tzinfo is None:
        if not zone:
            raise ValueError("a time without a zone, and none is declared")
        at = at.replace(tzinfo=ZoneInfo(zone))
        if at.utcoffset() != at.replace(fold=1).utcoffset():
            raise ValueError(f"a time that {zone} has twice or never")
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _sample(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
