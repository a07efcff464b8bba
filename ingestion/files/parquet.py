# Made from solutions/m02_push/17_parquet.ipynb: edit it there.
"""Parquet: read row group by row group, every value exact, and stopped when it turns out to be more than it should.

A process of its own decodes the file (`ingestion.files.decoder`); this module says how, and spells the values.
"""

import contextlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingestion.errors import ContractViolationError
from ingestion.files.arrow_rows import kept_row
from ingestion.files.arrow_types import is_text, unpack
from ingestion.files.columns import Column
from ingestion.files.json_lines import strict_json
from ingestion.files.json_text import refuse_unstorable
from ingestion.files.parsed import MOST_RAW_BYTES, BadRow, Mark, Parsed
from ingestion.files.schema import Schema
from ingestion.files.values import nested_json

__all__ = [
    "Budget",
    "check_range",
    "decode",
    "parsed",
    "plain",
    "set_aside",
    "spell",
    "spell_dates",
    "spell_decimals",
    "spell_instants",
    "spell_json",
]


class Budget(msgspec.Struct, frozen=True):
    """How much one file may turn out to be. What it says of itself is no bound: 1,281 bytes can hold 2 GB of text."""

    rows: int
    decoded_bytes: int

    @classmethod
    def of(cls, size_bytes: int) -> "Budget":
        """Give the budget of a file of *size_bytes*: far more than honest data compress to."""
        return cls(rows=1_000_000 + 10 * size_bytes, decoded_bytes=(64 << 20) + 100 * size_bytes)


def decode(file: pq.ParquetFile, budget: Budget, *, start_row: int = 0, rows: int = 2_000) -> Iterator[pa.RecordBatch]:
    """Decode *file* from *start_row* on, in unpacked batches of 1 to *rows* rows, and stop it over its budget.

    Row groups that end before *start_row* are not read. Nothing is decoded of a file that claims more rows than it may
    have. What counts is the size of the batches once they are unpacked, and a batch is counted before it is given out.

    Raises:
        ContractViolationError: the file is over its budget.
    """
    if file.metadata.num_rows > budget.rows:
        raise ContractViolationError(f"it has {file.metadata.num_rows:,} rows, and {budget.rows:,} are allowed")
    decoded_bytes, skip = 0, start_row
    for group in range(file.metadata.num_row_groups):
        group_rows = file.metadata.row_group(group).num_rows
        if skip >= group_rows:
            skip -= group_rows
            continue
        for packed in file.iter_batches(rows, row_groups=[group], use_threads=False):
            wanted = packed.slice(skip)
            skip = max(skip - packed.num_rows, 0)
            if not wanted.num_rows:
                continue
            batch = unpack(wanted)
            decoded_bytes += batch.nbytes
            if decoded_bytes > budget.decoded_bytes:
                raise ContractViolationError(f"it decodes to more than {budget.decoded_bytes:,} bytes")
            yield batch


def set_aside(column: pa.Array, spell: Callable[[pa.Array], list[Any]]) -> tuple[list[Any], dict[int, str]]:
    """Spell a column; where *spell* raises, find the values at fault, and spell all others.

    Args:
        column: Any array.
        spell: Spells a whole array at once, or raises `ValueError`, `OverflowError` or one of Arrow's own errors when
            a single value of it cannot be spelled.

    Returns:
        The spelled values, None in the place of each that is at fault, and what `spell` says of that one in one line,
        by its index.
    """
    try:
        return spell(column), {}
    except (ValueError, OverflowError, pa.ArrowException) as error:
        if len(column) == 1:
            return [None], {0: " ".join(str(error).split())[:200]}
    half = len(column) // 2
    left, left_bad = set_aside(column.slice(0, half), spell)
    right, right_bad = set_aside(column.slice(half), spell)
    return left + right, left_bad | {half + index: reason for index, reason in right_bad.items()}


_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896  # 0001-01-01 and 9999-12-31, counted from 1970
_DAY_US = 86_400_000_000


def check_range(numbers: pa.Array, least: int, most: int) -> None:
    """Raise ValueError when one of *numbers* is less than *least* or more than *most*."""
    bounds = pc.min_max(numbers)
    if bounds["min"].is_valid and not least <= bounds["min"].as_py() <= bounds["max"].as_py() <= most:
        raise ValueError("lies outside the years 1 to 9999")


def spell_instants(column: pa.Array, zone: str) -> list[str | None]:
    """Spell timestamps of any unit as instants: `2026-03-01T08:30:00.000000Z`; null stays None.

    A timestamp without a time zone is what a clock on a wall in *zone* showed.

    Raises:
        ValueError: a value is no exact instant: finer than a microsecond, outside the years 1 to 9999, or without a
            zone of its own while *zone* is empty, or while clocks in *zone* skip its hour or show it twice. (Arrow's
            `ArrowInvalid` is a ValueError.)
    """
    if column.type.tz is None:
        if not zone:
            raise ValueError("names no time zone, and none is declared")
        column = pc.assume_timezone(column.cast(pa.timestamp("us")), zone)
    instants = column.cast(pa.timestamp("us", "UTC"))
    check_range(instants.cast(pa.int64()), _FIRST_DAY * _DAY_US, (_LAST_DAY + 1) * _DAY_US - 1)
    spelled: list[str | None] = pc.replace_substring(instants.cast(pa.string()), " ", "T").to_pylist()
    return spelled


def spell_decimals(column: pa.Array, precision: int, scale: int) -> list[str | None]:
    """Spell decimals with exactly *scale* digits after the point; one that does not fit is refused."""
    if pa.types.is_integer(column.type):
        column = column.cast(pa.decimal128(38, 0))
    wanted = pa.decimal128(precision, scale) if precision <= 38 else pa.decimal256(precision, scale)
    numbers = column.cast(wanted)
    if scale > 6:  # beyond that Arrow spells small numbers with an exponent
        return [None if number is None else f"{number:f}" for number in numbers.to_pylist()]
    spelled: list[str | None] = numbers.cast(pa.string()).to_pylist()
    return spelled


def spell_dates(column: pa.Array) -> list[str | None]:
    """Spell dates as `2026-03-01`."""
    days = column.cast(pa.date32())
    check_range(days.cast(pa.int32()), _FIRST_DAY, _LAST_DAY)
    spelled: list[str | None] = days.cast(pa.string()).to_pylist()
    return spelled


def spell_json(column: pa.Array) -> list[Any]:
    """Keep what is nested as it is: lists, and structs and maps as objects. Text is taken for JSON, and decoded."""
    if is_text(column.type):
        values = [None if text is None else strict_json(text.encode()) for text in column.to_pylist()]
    else:
        values = [plain(value) for value in column.to_pylist(maps_as_pydicts="strict")]
        refuse_unstorable(values)
    return [None if value is None else nested_json(value) for value in values]


def plain(value: Any) -> Any:
    """Spell what JSON has no type for as text: decimals, dates, instants."""
    match value:
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case list():
            return [plain(item) for item in value]
        case Decimal():
            return f"{value:f}"
        case datetime() if value.tzinfo is not None:
            return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
        case date() if not isinstance(value, datetime):
            return value.isoformat()
        case None | bool() | int() | float() | str():
            return value
        case _:
            raise ValueError(f"holds a {type(value).__name__} without a spelling in JSON")


def spell(column: pa.Array, wanted: Column) -> list[Any]:
    """Spell the values of one column exactly as the payload has them, or raise ValueError for all of them."""
    match wanted.kind:
        case "text":
            if pc.any(pc.match_substring(column, "\0")).as_py():
                raise ValueError("holds a NUL character")
        case "int64":
            column = column.cast(pa.int64())
        case "float64":
            return spell_json(column.cast(pa.float64()))
        case "decimal":
            return spell_decimals(column, wanted.precision, wanted.scale)
        case "date":
            return spell_dates(column)
        case "timestamp":
            return spell_instants(column, wanted.zone)
        case "json":
            return spell_json(column)
    values: list[Any] = column.to_pylist()
    return values


def parsed(batch: pa.RecordBatch, first_row: int, schema: Schema) -> Parsed:
    """Make records of one batch, and set those rows aside of which a value cannot be kept exactly."""
    columns: list[list[Any]] = []
    bad: dict[int, str] = {}
    for column in schema.columns:
        values = batch.column(column.name)
        spelled, refused = set_aside(values, partial(spell, wanted=column))
        if values.null_count and not column.nullable:
            refused |= {row: "is null" for row, is_there in enumerate(values.is_valid().to_pylist()) if not is_there}
        if column.name == schema.key:
            refused |= {row: "is empty" for row, value in enumerate(spelled) if value == ""}
        bad = {row: f"{column.name}: {reason}" for row, reason in refused.items()} | bad
        columns.append(spelled)
    rows = tuple(_bad_row(batch, row, first_row, bad[row]) for row in sorted(bad))
    return Parsed(tuple(schema.records(columns, bad)), rows, Mark(row=first_row + batch.num_rows))


def _bad_row(batch: pa.RecordBatch, row: int, first_row: int, reason: str) -> BadRow:
    shown = {name: _shown(batch.column(name)[row]) for name in batch.schema.names}
    raw = json.dumps(shown, ensure_ascii=False).encode(errors="replace")
    return BadRow(first_row + row + 1, 0, raw[:MOST_RAW_BYTES], len(raw), reason, "parquet", kept_row(batch, row))


def _shown(value: pa.Scalar) -> str | None:
    """Show a value as text, even one that Python has no object for."""
    for show in (lambda: value.cast(pa.string()).as_py(), lambda: str(value.as_py())):
        with contextlib.suppress(ValueError, OverflowError, pa.ArrowException):
            return show()
    return "?"
