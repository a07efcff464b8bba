"""The same rows as CSV, NDJSON, a JSON array and Parquet."""

from __future__ import annotations

import gzip
import io
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from data.recipes.instants import spell
from data.recipes.shipments import COLUMNS
from data.recipes.spelling import compact

__all__ = ["as_csv", "as_gzip", "as_json_array", "as_ndjson", "as_parquet", "same_parquet"]

Rows = list[dict[str, Any]]

_SCHEMA = pa.schema(
    [
        pa.field("shipment_id", pa.string(), nullable=False),
        pa.field("order_id", pa.string(), nullable=False),
        pa.field("warehouse_code", pa.string(), nullable=False),
        pa.field("country", pa.string(), nullable=False),
        pa.field("recipient", pa.string(), nullable=False),
        pa.field("note", pa.string()),
        pa.field("quantity", pa.int64(), nullable=False),
        pa.field("serial_number", pa.int64()),
        pa.field("weight_kg", pa.decimal128(12, 3), nullable=False),
        pa.field("declared_value", pa.decimal128(18, 2)),
        pa.field("fragile", pa.bool_()),
        pa.field("shipped_on", pa.date32()),
        pa.field("packed_at", pa.timestamp("us", tz="UTC"), nullable=False),
    ]
)
_ROWS_PER_GROUP = 200


def as_csv(rows: Rows, *, columns: tuple[str, ...] = COLUMNS, newline: str = "\n", bom: bool = False) -> bytes:
    """RFC 4180, as PostgreSQL's COPY reads it: nothing between two commas is null, `""` is the empty string.

    Args:
        rows: The rows.
        columns: The columns in the order of the header.
        newline: What ends a line; line breaks inside a value stay as they are.
        bom: Begin with a byte order mark.
    """
    lines = [",".join(columns)]
    lines += [",".join(_cell(row[column]) for column in columns) for row in rows]
    return (("\ufeff" if bom else "") + "".join(line + newline for line in lines)).encode()


def as_ndjson(rows: Rows) -> bytes:
    """One JSON object a line; a decimal is a string, so that it stays exact."""
    return "".join(f"{compact(_plain(row))}\n" for row in rows).encode()


def as_json_array(rows: Rows) -> bytes:
    """One JSON array, an object a line."""
    return ("[\n" + ",\n".join(compact(_plain(row)) for row in rows) + "\n]\n").encode()


def as_gzip(content: bytes) -> bytes:
    """One gzip member without a time or a name in it."""
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=packed, mtime=0) as stream:
        stream.write(content)
    return packed.getvalue()


def as_parquet(rows: Rows) -> bytes:
    """Typed columns in row groups of 200: exact decimals, microseconds in UTC."""
    sink = io.BytesIO()
    table = pa.Table.from_pylist(rows, schema=_SCHEMA)
    pq.write_table(table, sink, row_group_size=_ROWS_PER_GROUP, compression="zstd")
    return sink.getvalue()


def same_parquet(one: bytes, other: bytes) -> bool:
    """Whether two files have equal schemas, values and row groups, whichever version wrote them."""
    files = [pq.ParquetFile(io.BytesIO(content)) for content in (one, other)]
    tables = [file.read() for file in files]
    groups = [[file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] for file in files]
    return bool(tables[0].schema.equals(tables[1].schema) and tables[0].equals(tables[1]) and groups[0] == groups[1])


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {column: _text(value) if _needs_text(value) else value for column, value in row.items()}


def _needs_text(value: object) -> bool:
    return isinstance(value, Decimal | date)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return spell(value, digits=6, offset_minutes=None)
    return value.isoformat() if isinstance(value, date) else str(value)


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = _text(value)
    quoted = text == "" or text != text.strip() or any(mark in text for mark in ',"\r\n')
    return '"' + text.replace('"', '""') + '"' if quoted else text
